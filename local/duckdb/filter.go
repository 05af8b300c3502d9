package duckdb

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/eventlake/lake"
)

// filter is a condition on one column that every row has to meet which the
// statement can use, as DuckDB's optimizer found it. What is not understood
// here is taken for true, so a file is left out only when no row of it can
// matter.
type filter struct {
	Type       string      `json:"filter_type"`
	Comparison string      `json:"comparison_type"`
	Constant   constant    `json:"constant"`
	Values     []constant  `json:"values"`
	Children   []filter    `json:"child_filters"`
	Child      *filter     `json:"child_filter"`
	Expr       *expression `json:"expr"`
}

// constant is a value with its SQL type.
type constant struct {
	Null bool `json:"is_null"`
	Type struct {
		ID string `json:"id"`
	} `json:"type"`
	Value json.RawMessage `json:"value"`
}

// bounds are what is known about the values of one column in one file: they
// lie between Low and High. Exactly one of the two pairs is known, or none.
type bounds struct {
	numbers      bool
	low, high    int64
	texts        bool
	lower, upper string
	time         bool // numbers are microseconds, and days can be made of them
}

// may reports whether a value within the bounds can meet the filter.
func (f *filter) may(b bounds) bool {
	switch f.Type {
	case "CONSTANT_COMPARISON":
		return f.Constant.may(f.Comparison, b)
	case "IN_FILTER":
		return slices.ContainsFunc(f.Values, func(c constant) bool { return c.may("COMPARE_EQUAL", b) })
	case "CONJUNCTION_AND":
		return !slices.ContainsFunc(f.Children, func(c filter) bool { return !c.may(b) })
	case "CONJUNCTION_OR":
		return slices.ContainsFunc(f.Children, func(c filter) bool { return c.may(b) })
	case "OPTIONAL_FILTER":
		return f.Child == nil || f.Child.may(b)
	case "EXPRESSION_FILTER":
		return f.Expr == nil || f.Expr.may(func(int) bounds { return b })
	}
	return true
}

// may reports whether the constant c allows x <op> c for some x in the bounds.
func (c *constant) may(op string, b bounds) bool {
	if c.Null {
		return true
	}
	switch c.Type.ID {
	case "TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "DATE", "INTEGER", "BIGINT":
		var v int64
		if !b.numbers || json.Unmarshal(c.Value, &v) != nil {
			return true
		}
		return within(op, b.low, b.high, v)
	case "VARCHAR":
		var v string
		if !b.texts || json.Unmarshal(c.Value, &v) != nil {
			return true
		}
		return within(op, b.lower, b.upper, v)
	}
	return true
}

// within reports whether some x in [low, high] has x <op> v.
func within[T cmp.Ordered](op string, low, high, v T) bool {
	switch op {
	case "COMPARE_EQUAL":
		return low <= v && v <= high
	case "COMPARE_LESSTHAN":
		return low < v
	case "COMPARE_LESSTHANOREQUALTO":
		return low <= v
	case "COMPARE_GREATERTHAN":
		return high > v
	case "COMPARE_GREATERTHANOREQUALTO":
		return high >= v
	}
	return true
}

// boundsOf says what the catalog knows about a column in a file.
func boundsOf(s *lake.Schema, f *lake.DataFile, column string) bounds {
	day := bounds{numbers: true, low: int64(f.Day), high: int64(f.Day)}
	if column == dayColumn(s) && column != "" {
		return day
	}
	c := s.Column(column)
	if c == nil {
		return bounds{}
	}
	var b bounds
	for i := range f.Columns {
		if f.Columns[i].ID == c.ID {
			b = statistics(c.Type, &f.Columns[i])
		}
	}
	if c.Name == timeColumn {
		low, high := int64(f.Day.Start()), int64((f.Day+1).Start())-1
		if !b.numbers {
			b.low, b.high = low, high
		}
		b = bounds{numbers: true, time: true, low: max(low, b.low), high: min(high, b.high)}
	}
	return b
}

// statistics reads Iceberg's single-value form of the bounds.
func statistics(t lake.ColumnType, s *lake.ColumnStat) bounds {
	if s.Lower == nil || s.Upper == nil {
		return bounds{}
	}
	long := t == lake.TypeLong || t == lake.TypeTimestamp
	switch {
	case long && len(s.Lower) == 8 && len(s.Upper) == 8:
		return bounds{numbers: true, low: int64(binary.LittleEndian.Uint64(s.Lower)), high: int64(binary.LittleEndian.Uint64(s.Upper))}
	case t == lake.TypeString:
		return bounds{texts: true, lower: string(s.Lower), upper: string(s.Upper)}
	}
	return bounds{}
}
