package store

import (
	"fmt"
	"strings"

	"github.com/eventlake/lake"
)

// Limits of a key in bytes: of one element, so that a temporary name fits into
// the 255 of file systems, and of all.
const (
	maxElement = 200
	maxKey     = 1024
)

// Validate reports ErrInvalid for a key that is not a safe relative path:
// elements of ASCII letters, digits and "_-.=%+@~," that do not begin with a
// dot, separated by single slashes.
func Validate(key lake.Key) error {
	const hint = "use elements of letters, digits and _-.=%+@~, that do not begin with a dot, separated by '/'"
	if len(key) > maxKey {
		return lake.Errorf(lake.ErrInvalid, fmt.Sprintf("use at most %d bytes", maxKey), "key of %d bytes", len(key))
	}
	for e := range strings.SplitSeq(string(key), "/") {
		if !validElement(e) {
			return lake.Errorf(lake.ErrInvalid, hint, "key %q", string(key))
		}
	}
	return nil
}

func validElement(e string) bool {
	if e == "" || len(e) > maxElement || e[0] == '.' {
		return false
	}
	for _, c := range []byte(e) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_-.=%+@~,", rune(c)) {
			return false
		}
	}
	return true
}
