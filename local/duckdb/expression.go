package duckdb

import (
	"slices"

	"github.com/eventlake/lake"
)

// expression is as much of a condition as can be judged by the bounds of
// columns: comparisons of a column, or of its date, with constants, and AND,
// OR and BETWEEN over them.
type expression struct {
	Class    string       `json:"expression_class"`
	Type     string       `json:"type"`
	Index    int          `json:"index"` // of a BOUND_REF: which column of the input
	Left     *expression  `json:"left"`
	Right    *expression  `json:"right"`
	Child    *expression  `json:"child"`
	Children []expression `json:"children"`
	Input    *expression  `json:"input"` // of a BETWEEN
	Lower    *expression  `json:"lower"`
	Upper    *expression  `json:"upper"`
	Return   struct {
		ID string `json:"id"`
	} `json:"return_type"`
	Value constant `json:"value"`
}

// may reports whether the condition can be true for a row whose columns lie
// within the bounds that column tells.
func (x *expression) may(column func(int) bounds) bool {
	switch x.Class {
	case "BOUND_CONJUNCTION":
		holds := func(c expression) bool { return c.may(column) }
		if x.Type == "CONJUNCTION_OR" {
			return slices.ContainsFunc(x.Children, holds)
		}
		return !slices.ContainsFunc(x.Children, func(c expression) bool { return !holds(c) })
	case "BOUND_COMPARISON":
		return compare(x.Type, x.Left, x.Right, column)
	case "BOUND_BETWEEN": // either end may be open: taking both for closed loses nothing
		return compare("COMPARE_GREATERTHANOREQUALTO", x.Input, x.Lower, column) &&
			compare("COMPARE_LESSTHANOREQUALTO", x.Input, x.Upper, column)
	}
	return true
}

func compare(op string, operand, value *expression, column func(int) bounds) bool {
	if operand == nil || value == nil || value.Class != "BOUND_CONSTANT" {
		return true
	}
	b := operand.bounds(column)
	if b.time && value.Value.Type.ID == "DATE" {
		return true // not what a comparison of DuckDB's looks like
	}
	return value.Value.may(op, b)
}

// bounds are those of a column, or of the UTC date of a time.
func (x *expression) bounds(column func(int) bounds) bounds {
	switch {
	case x.Class == "BOUND_REF":
		return column(x.Index)
	case x.Class != "BOUND_CAST" || x.Child == nil || x.Child.Class != "BOUND_REF":
		return bounds{}
	}
	b := column(x.Child.Index)
	switch {
	case b.time && x.Return.ID == "TIMESTAMP":
		return b
	case b.time && x.Return.ID == "DATE":
		return bounds{numbers: true, low: int64(lake.Instant(b.low).Day()), high: int64(lake.Instant(b.high).Day())}
	}
	return bounds{}
}
