package duckdb

import "strings"

// statement is one SQL statement cut into what it asks about and how.
type statement struct {
	explain string // "EXPLAIN ...", or ""
	query   string // without EXPLAIN and without the final semicolon
}

// split cuts the text. It decides nothing about safety: both parts are checked
// by DuckDB's parser afterwards, on their own.
func split(sql string) statement {
	toks := tokens(sql)
	for len(toks) > 0 && toks[len(toks)-1].is(";") {
		toks = toks[:len(toks)-1]
	}
	if len(toks) == 0 {
		return statement{}
	}
	end := toks[len(toks)-1].to
	if !toks[0].is("explain") {
		return statement{query: sql[toks[0].from:end]}
	}
	rest := toks[1:]
	if len(rest) > 0 && rest[0].is("analyze") {
		rest = rest[1:]
	}
	if len(rest) > 1 && rest[0].is("(") && (rest[1].is("analyze") || rest[1].is("format")) {
		for len(rest) > 0 && !rest[0].is(")") {
			rest = rest[1:]
		}
		if len(rest) > 0 {
			rest = rest[1:]
		}
	}
	if len(rest) == 0 {
		return statement{query: sql[toks[0].from:end]}
	}
	from := rest[0].from
	return statement{explain: sql[toks[0].from:from], query: sql[from:end]}
}

// token is a word, a quoted thing or a single other character, in lower case.
type token struct {
	text     string
	from, to int // bytes
}

func (t token) is(s string) bool { return t.text == s }

// tokens cuts SQL as far as it is needed to find words and semicolons that are
// not inside a comment, a string or a quoted name.
func tokens(sql string) []token {
	var out []token
	for i := 0; i < len(sql); {
		if n := blank(sql[i:]); n > 0 {
			i += n
			continue
		}
		n := span(sql[i:])
		out = append(out, token{strings.ToLower(sql[i : i+n]), i, i + n})
		i += n
	}
	return out
}

// blank is the length of the white space or comment at the start of s.
func blank(s string) int {
	switch {
	case strings.IndexByte(" \t\r\n\f\v", s[0]) >= 0:
		return 1
	case strings.HasPrefix(s, "--"):
		if n := strings.IndexByte(s, '\n'); n >= 0 {
			return n + 1
		}
		return len(s)
	case strings.HasPrefix(s, "/*"):
		return comment(s)
	}
	return 0
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

// span is the length of the token at the start of s.
func span(s string) int {
	switch c := s[0]; {
	case c == '\'' || c == '"':
		return quoted(s, 0)
	case (c == 'e' || c == 'E') && len(s) > 1 && s[1] == '\'':
		return quoted(s, '\\')
	case c == '$':
		return dollar(s)
	case wordByte(c):
		n := 1
		for n < len(s) && wordByte(s[n]) {
			n++
		}
		return n
	}
	return 1
}

// quoted is the length of a string or quoted name; E'..' begins one byte late
// and knows an escape.
func quoted(s string, escape byte) int {
	i := 1
	if escape != 0 {
		i = 2
	}
	quote := s[i-1]
	for ; i < len(s); i++ {
		switch {
		case escape != 0 && s[i] == escape:
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// dollar is the length of $tag$...$tag$, or 1 when it is something else.
func dollar(s string) int {
	n := 1
	for n < len(s) && wordByte(s[n]) && s[n] != '$' {
		n++
	}
	if n == len(s) || s[n] != '$' {
		return 1
	}
	tag := s[:n+1]
	if end := strings.Index(s[n+1:], tag); end >= 0 {
		return n + 1 + end + len(tag)
	}
	return len(s)
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
