package transform

import (
	"strconv"

	"github.com/zeebo/xxh3"
)

// maxSafe is the longest path-safe name in bytes.
const maxSafe = 64

// PathSafe returns the name that stands for a type or subtype in paths: 1 to
// 64 of A-Z, a-z, 0-9, '_', '.' and '-', not beginning with '.' or '-'.
//
// A name that is like this already stays as it is. In any other, each
// character that is not allowed becomes '_', the rest beyond 55 bytes is cut,
// and '_' and 8 hex digits of a hash of the true name follow, so that "a/b",
// "a:b" and "a_b" stay apart. Upper and lower case differ.
func PathSafe(name string) string {
	if isSafe(name) {
		return name
	}
	const room = maxSafe - 1 - 8
	out := make([]byte, 0, maxSafe)
	for i, r := range name {
		if len(out) == room {
			break
		}
		if safeRune(r, i == 0) {
			out = append(out, byte(r))
		} else {
			out = append(out, '_')
		}
	}
	h := xxh3.HashString(name)&(1<<32-1) | 1<<32 // the extra bit keeps leading zeros
	return string(out) + "_" + strconv.FormatUint(h, 16)[1:]
}

func isSafe(name string) bool {
	if name == "" || len(name) > maxSafe {
		return false
	}
	for i, r := range name {
		if !safeRune(r, i == 0) {
			return false
		}
	}
	return true
}

func safeRune(r rune, first bool) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
		return true
	}
	return !first && (r == '.' || r == '-')
}
