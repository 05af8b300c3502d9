package query

import (
	"strings"

	"github.com/eventlake/lake/sqltext"
)

// splitStatement cuts the first whole statement off: up to the first semicolon
// that is not inside a string, a quoted name or a comment. ok is false when
// there is none yet.
func splitStatement(s string) (statement, rest string, ok bool) {
	for i := 0; i < len(s); {
		n, kind := sqltext.Next(s[i:])
		if kind == sqltext.Other && s[i] == ';' {
			return s[:i], s[i+1:], true
		}
		i += n
	}
	return "", s, false
}

// blankStatement reports whether s holds nothing but space and comments.
func blankStatement(s string) bool {
	for i := 0; i < len(s); {
		n, kind := sqltext.Next(s[i:])
		if kind != sqltext.Blank && strings.TrimSpace(s[i:i+n]) != "" { // there are more spaces than ASCII has
			return false
		}
		i += n
	}
	return true
}
