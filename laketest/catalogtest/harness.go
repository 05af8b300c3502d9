package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
)

const lesson lake.TableName = "lesson"

// harness is one empty backend under test, with the steps that tests are made of.
type harness struct {
	*testing.T
	Backend
	clock *Clock
	files int
}

// columns is a small schema: the system columns and one more.
func columns() lake.Schema {
	return lake.Schema{Columns: append(lake.SystemColumns(), lake.Column{ID: 9, Name: "amount", Type: lake.TypeInt}), LastID: 9}
}

// file makes a new data file of the table.
func (h *harness) file(table lake.TableName, day lake.Day) lake.DataFile {
	h.Helper()
	h.files++
	f := lake.DataFile{
		Key: lake.Key(fmt.Sprintf("tables/%s/data/%s/part-%04d.parquet", table, day, h.files)),
		Day: day, Rows: int64(100 + h.files), Bytes: int64(1000 + h.files),
	}
	h.Put(h, f.Key, f.Bytes)
	return f
}

// stat gives a file statistics, as curate does.
func stat(f lake.DataFile) lake.DataFile {
	f.Columns = []lake.ColumnStat{
		{ID: 2, Bytes: 40, Values: f.Rows, Lower: []byte("lesson"), Upper: []byte("lesson")},
		{ID: 9, Bytes: 80, Values: f.Rows, Nulls: 3, Lower: []byte{1, 0, 0, 0}, Upper: []byte{9, 0, 0, 0}},
	}
	return f
}

func (h *harness) commit(c lake.TableCommit) lake.Table {
	h.Helper()
	got, err := h.Catalog.Commit(context.Background(), c)
	if err != nil {
		h.Fatalf("commit: %v", err)
	}
	return got
}

// append commits one new file on top of the table's current state.
func (h *harness) append(base lake.Table, table lake.TableName) (lake.Table, lake.DataFile) {
	h.Helper()
	f := h.file(table, 18000)
	return h.commit(lake.TableCommit{Table: table, Base: base.Snapshot, Schema: columns(), Add: []lake.DataFile{f}}), f
}

func (h *harness) table(name lake.TableName) lake.Table {
	h.Helper()
	got, err := h.Catalog.Table(context.Background(), name)
	if err != nil {
		h.Fatalf("table %s: %v", name, err)
	}
	return got
}

func (h *harness) maintain(keep time.Duration) lake.Maintenance {
	h.Helper()
	m, err := h.Catalog.Maintain(context.Background(), lesson, keep)
	if err != nil {
		h.Fatalf("maintain: %v", err)
	}
	return m
}

// wantErr fails unless err is of the kind.
func (h *harness) wantErr(err, kind error) {
	h.Helper()
	if !errors.Is(err, kind) {
		h.Fatalf("error is %v, want %v", err, kind)
	}
}

// same fails unless both are the same state of a table.
func (h *harness) same(got, want lake.Table) {
	h.Helper()
	if got.Name != want.Name || got.Snapshot != want.Snapshot || got.Time != want.Time || got.Location != want.Location {
		h.Fatalf("table is %s %d %s %s, want %s %d %s %s", got.Name, got.Snapshot, got.Time, got.Location, want.Name, want.Snapshot, want.Time, want.Location)
	}
	if !got.Schema.Equal(&want.Schema) || got.Schema.LastID != want.Schema.LastID {
		h.Fatalf("schema is %+v, want %+v", got.Schema, want.Schema)
	}
	if !maps.Equal(got.Consumed, want.Consumed) {
		h.Fatalf("consumed is %v, want %v", got.Consumed, want.Consumed)
	}
	if !maps.Equal(got.Summary, want.Summary) {
		h.Fatalf("summary is %v, want %v", got.Summary, want.Summary)
	}
	h.wantFiles(got, want.Files...)
}

// wantFiles fails unless the table has exactly these files.
func (h *harness) wantFiles(got lake.Table, want ...lake.DataFile) {
	h.Helper()
	sorted := slices.SortedFunc(slices.Values(want), func(a, b lake.DataFile) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	if !slices.EqualFunc(got.Files, sorted, func(a, b lake.DataFile) bool {
		return a.Key == b.Key && a.Day == b.Day && a.Rows == b.Rows && a.Bytes == b.Bytes
	}) {
		h.Fatalf("files are %v, want %v", got.Files, sorted)
	}
}
