package shred_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
	"github.com/eventlake/lake/curate/shred"
	"github.com/eventlake/lake/raw"
)

// FuzzAdd feeds lines of anything: no panic, every line is a row or
// ErrCorrupt, valid objects are rows, and what comes out is well-formed column
// data that the schema describes and a file can hold.
func FuzzAdd(f *testing.F) {
	for _, s := range []string{
		"{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":[1,{\"b\":null}]}",
		"{\"l\":[[],[[1]],null]}\n{\"l\":[[[2.5]]]}\n{\"l\":[]}",
		"{\"o\":{\"a\":{},\"a\":{\"b\":[{}]},\"a\":1}}\n{\"o\":{\"a\":{\"b\":[{\"c\":\"\\ud83d\\u0041\"}]}}}",
		"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":{\"i\":[1]}}\n{\"a\":\"y\",\"z\":1e999}",
		"{\"t\":\"2026-01-02T03:04:05Z\"}\n{\"t\":\"x\"}\n{\"t\":",
		"{\"a\":tru\n{\"a\":[1,}\n{\"a\" 1}\n{\"a\":-}\n{\"\\u0061\":01}",
	} {
		f.Add([]byte(s), 2)
	}
	f.Fuzz(func(t *testing.T, data []byte, batch int) {
		s := shred.New(lake.Schema{}, lake.Schema{}, shred.Limits{Columns: 20, Depth: 3, Width: 3})
		rows := 0
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			err := s.Add(line, &raw.Fields{})
			if err == nil {
				rows++
			} else if !errors.Is(err, lake.ErrCorrupt) {
				t.Fatalf("%q: %v", line, err)
			} else if json.Valid(line) && len(bytes.TrimSpace(line)) > 0 && bytes.TrimSpace(line)[0] == '{' {
				t.Fatalf("%q is an object: %v", line, err)
			}
			if s.Rows() != rows {
				t.Fatalf("%d rows, %d were added", s.Rows(), rows)
			}
			if batch > 0 && rows == batch {
				emit(t, s, rows)
				s.Reset()
				rows = 0
			}
		}
		emit(t, s, rows)
	})
}

func emit(t *testing.T, s *shred.Shredder, rows int) {
	t.Helper()
	schema := s.Schema()
	leaves := column.Leaves(&schema)
	enc, err := parquetfile.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	w, err := parquetfile.NewWriter(io.Discard, enc, schema.Columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.BeginRowGroup(rows)
	err = s.Each(func(i int, c *column.Chunk) error {
		checkChunk(t, &leaves[i], c, rows)
		return w.Column(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.EndRowGroup(); err != nil {
		t.Fatal(err)
	}
	again := shred.New(schema, lake.Schema{}, shred.Limits{Columns: 20, Depth: 3, Width: 3}).Schema()
	if !again.Equal(&schema) || again.LastID != schema.LastID {
		t.Fatalf("the schema does not come back:\n%+v\n%+v", schema, again)
	}
}

func checkChunk(t *testing.T, l *column.Leaf, c *column.Chunk, rows int) {
	t.Helper()
	starts, values := 0, 0
	for i := range c.Slots {
		if l.MaxRep == 0 || c.Rep[i] == 0 {
			starts++
		}
		if l.MaxRep > 0 && c.Rep[i] > l.MaxRep || l.MaxDef > 0 && c.Def[i] > l.MaxDef {
			t.Fatalf("%v: level out of range", l.Path)
		}
		if l.MaxDef == 0 || c.Def[i] == l.MaxDef {
			values++
		}
	}
	if starts != rows || values != c.Len(l.Type) {
		t.Fatalf("%v: %d of %d rows, %d values at %d slots", l.Path, starts, rows, c.Len(l.Type), values)
	}
}
