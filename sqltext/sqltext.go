// Package sqltext cuts SQL as far as it is needed to find words and semicolons
// that are not inside a comment, a string or a quoted name, in the dialect of
// DuckDB. It depends on nothing, and it decides nothing about what a statement
// may do.
package sqltext

import "strings"

// Kind is what a piece of SQL is.
type Kind uint8

// The kinds of pieces.
const (
	Blank  Kind = iota + 1 // a white space character or a comment
	Word                   // a name, a keyword or a number
	Quoted                 // a string or a quoted name
	Other                  // one other byte, e.g. a semicolon
)

// Next returns the length in bytes and the kind of the piece that s begins
// with. A comment, string or name that has no end yet reaches to the end of s.
// s must not be empty.
func Next(s string) (n int, kind Kind) {
	switch c := s[0]; {
	case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		return 1, Blank
	case strings.HasPrefix(s, "--"):
		return until(s, 2, "\n"), Blank
	case strings.HasPrefix(s, "/*"):
		return comment(s), Blank
	case c == '\'' || c == '"':
		return until(s, 1, s[:1]), Quoted // a doubled quote begins the next piece at once
	case (c == 'e' || c == 'E') && len(s) > 1 && s[1] == '\'':
		return escaped(s), Quoted
	case c == '$':
		return dollar(s)
	case wordByte(c): // a whole word, so that the e of name'' starts no string
		return word(s), Word
	}
	return 1, Other
}

// until is the length up to and with the next end behind from.
func until(s string, from int, end string) int {
	if n := strings.Index(s[from:], end); n >= 0 {
		return from + n + len(end)
	}
	return len(s)
}

// comment is the length of a block comment; they nest.
func comment(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			i++
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// escaped is the length of E'...', where a backslash hides the next byte.
func escaped(s string) int {
	for i := 2; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			return i + 1
		}
	}
	return len(s)
}

// dollar is the length of $tag$...$tag$; of the dollar alone when it is
// something else.
func dollar(s string) (int, Kind) {
	n := 1 + word(s[1:])
	if n == len(s) || s[n] != '$' {
		return 1, Other
	}
	return until(s, n+1, s[:n+1]), Quoted
}

func word(s string) int {
	n := 0
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	return n
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
