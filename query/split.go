package query

import "strings"

// splitStatement cuts the first whole statement off: up to the first semicolon
// that is not inside a string, a quoted name or a comment. ok is false when
// there is none yet.
func splitStatement(s string) (statement, rest string, ok bool) {
	for i := 0; i < len(s); {
		if s[i] == ';' {
			return s[:i], s[i+1:], true
		}
		i += skip(s[i:])
	}
	return "", s, false
}

// blankStatement reports whether s holds nothing but space and comments.
func blankStatement(s string) bool {
	for i := 0; i < len(s); {
		n := skip(s[i:])
		if !strings.HasPrefix(s[i:], "--") && !strings.HasPrefix(s[i:], "/*") && strings.TrimSpace(s[i:i+n]) != "" {
			return false
		}
		i += n
	}
	return true
}

// skip is the length of the string, quoted name, comment or byte that s begins
// with; one that has no end yet reaches to the end of s.
func skip(s string) int {
	until := func(from int, end string) int {
		if from > len(s) {
			return len(s)
		}
		if n := strings.Index(s[from:], end); n >= 0 {
			return from + n + len(end)
		}
		return len(s)
	}
	switch {
	case strings.HasPrefix(s, "--"):
		return until(2, "\n")
	case strings.HasPrefix(s, "/*"):
		return blockComment(s)
	case s[0] == '\'' || s[0] == '"':
		return until(1, s[:1]) // a doubled quote begins the next string at once
	case len(s) > 1 && (s[0] == 'e' || s[0] == 'E') && s[1] == '\'':
		return escaped(s)
	case s[0] == '$':
		n := 1
		for n < len(s) && letter(s[n]) {
			n++
		}
		if n < len(s) && s[n] == '$' {
			return until(n+1, s[:n+1])
		}
		return 1
	case letter(s[0]): // a whole word, so that the e of `name'` starts no string
		n := 1
		for n < len(s) && letter(s[n]) {
			n++
		}
		return n
	}
	return 1
}

func letter(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func blockComment(s string) int {
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
