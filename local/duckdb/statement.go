package duckdb

import (
	"strings"

	"github.com/eventlake/lake/sqltext"
)

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

// token is a word, a quoted piece or a single other character, in lower case.
type token struct {
	text     string
	from, to int // bytes
}

func (t token) is(s string) bool { return t.text == s }

// tokens cuts SQL into what is not blank.
func tokens(sql string) []token {
	var out []token
	for i := 0; i < len(sql); {
		n, kind := sqltext.Next(sql[i:])
		if kind != sqltext.Blank {
			out = append(out, token{strings.ToLower(sql[i : i+n]), i, i + n})
		}
		i += n
	}
	return out
}
