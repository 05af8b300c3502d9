package lake

import (
	"fmt"
	"strings"
)

// Key names an object in a Store: a relative slash-separated path of
// path-safe elements, e.g. "raw/event_type=account/.../part-000.ndjson.gz".
type Key string

// Limits of a key in bytes: of one element, so that a temporary name fits into
// the 255 of file systems, and of all.
const (
	maxElement = 200
	maxKey     = 1024
)

// Validate reports ErrInvalid with a hint for a key that is not a safe relative
// path: elements of ASCII letters, digits and "_-.=%+@~," that do not begin
// with a dot, separated by single slashes, at most 200 bytes each and 1024 in
// all.
func (k Key) Validate() error {
	const hint = "use elements of letters, digits and _-.=%+@~, that do not begin with a dot, separated by '/'"
	if len(k) > maxKey {
		return Errorf(ErrInvalid, fmt.Sprintf("use at most %d bytes", maxKey), "key of %d bytes", len(k))
	}
	for e := range strings.SplitSeq(string(k), "/") {
		if !ValidElement(e) {
			return Errorf(ErrInvalid, hint, "key %q", string(k))
		}
	}
	return nil
}

// Named returns an error whose text names the object: err itself when it does
// already, so that a name that several layers know is said once. nil stays nil.
func (k Key) Named(err error) error {
	if err == nil || strings.Contains(err.Error(), string(k)) {
		return err
	}
	return fmt.Errorf("%s: %w", k, err)
}

// Reason is the text of an error about the object without what begins it and
// says so ("open KEY: "), for messages that have named the object before.
func (k Key) Reason(err error) string {
	text := err.Error()
	for {
		words, rest, ok := strings.Cut(text, string(k))
		if !ok || strings.Contains(words, ":") {
			return text
		}
		text = strings.TrimLeft(rest, ": ")
	}
}

// ValidElement reports whether e may stand between the slashes of a Key.
func ValidElement(e string) bool {
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
