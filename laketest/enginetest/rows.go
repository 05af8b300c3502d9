package enginetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eventlake/lake"
)

// system are the system columns of a row.
type system struct {
	ID       [16]byte `parquet:"event_id,uuid,id(1)"`
	Type     string   `parquet:"event_type,id(2)"`
	Subtype  string   `parquet:"event_subtype,id(3)"`
	Created  int64    `parquet:"created_datetime,timestamp(microsecond),id(4)"`
	Received int64    `parquet:"received_at,timestamp(microsecond),id(5)"`
	Source   string   `parquet:"source,id(6)"`
	Shard    string   `parquet:"shard,id(7)"`
	Position string   `parquet:"position,id(8)"`
}

// systemRow makes the n-th row of a day, spread evenly over its 24 hours.
func systemRow(typ string, day lake.Day, n, of int) system {
	at := int64(day.Start()) + int64(n)*(24*3600*1_000_000)/int64(of)
	s := system{Type: typ, Subtype: "none", Created: at, Received: at + 5_000_000, Source: "default", Shard: "shard-000", Position: fmt.Sprint(n + 1)}
	binary.BigEndian.PutUint64(s.ID[:8], uint64(day))
	binary.BigEndian.PutUint64(s.ID[8:], uint64(n))
	return s
}

// The two generations of a table's rows: the second widens one column and
// grows the others.
type (
	oldRow struct {
		system
		N int32     `parquet:"n,optional,id(9)"`
		S *oldOuter `parquet:"s,optional,id(10)"`
		L []oldItem `parquet:"l,optional,list,id(13)" parquet-element:",optional,id(14)"`
	}
	oldOuter struct {
		A int32  `parquet:"a,optional,id(11)"`
		B string `parquet:"b,optional,id(12)"`
	}
	oldItem struct {
		P int32 `parquet:"p,optional,id(15)"`
	}
	newRow struct {
		system
		N int64     `parquet:"n,optional,id(9)"`
		S *newOuter `parquet:"s,optional,id(10)"`
		L []newItem `parquet:"l,optional,list,id(13)" parquet-element:",optional,id(14)"`
		J string    `parquet:"j,optional,id(19)"`
	}
	newOuter struct {
		A int64     `parquet:"a,optional,id(11)"`
		B string    `parquet:"b,optional,id(12)"`
		C *newInner `parquet:"c,optional,id(16)"`
	}
	newInner struct {
		D bool `parquet:"d,optional,id(17)"`
	}
	newItem struct {
		P int64  `parquet:"p,optional,id(15)"`
		Q string `parquet:"q,optional,id(18)"`
	}
)

func oldColumns() []lake.Column {
	return []lake.Column{
		{ID: 9, Name: "n", Type: lake.TypeInt},
		{ID: 10, Name: "s", Type: lake.TypeStruct, Fields: []lake.Column{{ID: 11, Name: "a", Type: lake.TypeInt}, {ID: 12, Name: "b", Type: lake.TypeString}}},
		{ID: 13, Name: "l", Type: lake.TypeList, Fields: []lake.Column{{ID: 14, Name: "element", Type: lake.TypeStruct, Fields: []lake.Column{{ID: 15, Name: "p", Type: lake.TypeInt}}}}},
	}
}

func newColumns() []lake.Column {
	return []lake.Column{
		{ID: 9, Name: "n", Type: lake.TypeLong},
		{ID: 10, Name: "s", Type: lake.TypeStruct, Fields: []lake.Column{
			{ID: 11, Name: "a", Type: lake.TypeLong}, {ID: 12, Name: "b", Type: lake.TypeString},
			{ID: 16, Name: "c", Type: lake.TypeStruct, Fields: []lake.Column{{ID: 17, Name: "d", Type: lake.TypeBool}}}}},
		{ID: 13, Name: "l", Type: lake.TypeList, Fields: []lake.Column{{ID: 14, Name: "element", Type: lake.TypeStruct, Fields: []lake.Column{
			{ID: 15, Name: "p", Type: lake.TypeLong}, {ID: 18, Name: "q", Type: lake.TypeString}}}}},
		{ID: 19, Name: "j", Type: lake.TypeString, JSON: true},
	}
}

// simple rows have a number only.
type numberRow struct {
	system
	N int64 `parquet:"n,id(9)"`
}

func numberColumns() []lake.Column { return []lake.Column{{ID: 9, Name: "n", Type: lake.TypeLong}} }

func numbers(typ string, day lake.Day, count int) []numberRow {
	rows := make([]numberRow, count)
	for i := range rows {
		rows[i] = numberRow{systemRow(typ, day, i, count), int64(i)}
	}
	return rows
}

// Ask runs a query and returns its rows as text: values separated by "|", NULL
// as "NULL".
func Ask(t testing.TB, e lake.Engine, sql string, args ...any) []string {
	t.Helper()
	out, err := ask(t, e, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func ask(t testing.TB, e lake.Engine, sql string, args ...any) (out []string, err error) {
	t.Helper()
	rows, err := e.Query(t.Context(), sql, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		row, err := rows.Next()
		if err != nil || row == nil {
			return out, err
		}
		vals := make([]string, len(row))
		for i, v := range row {
			if vals[i] = fmt.Sprint(v); v == nil {
				vals[i] = "NULL"
			}
		}
		out = append(out, strings.Join(vals, "|"))
	}
}

// Expect runs a query and compares its rows.
func Expect(t testing.TB, e lake.Engine, sql string, want ...string) {
	t.Helper()
	if got := Ask(t, e, sql); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\n got %q\nwant %q", sql, got, want)
	}
}
