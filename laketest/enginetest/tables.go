// Package enginetest is the contract of lake.Engine as a test suite, over real
// Parquet files.
package enginetest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
)

// Tables is a lake.Catalog for reading whose files lie in a directory. Tests
// change it as a running lake would: write files, then commit.
type Tables struct {
	Root string

	mu     sync.Mutex
	tables map[lake.TableName]lake.Table
	loads  map[lake.TableName]int
	serial int
}

// NewTables makes a catalog without tables over a data directory.
func NewTables(root string) *Tables {
	return &Tables{Root: root, tables: map[lake.TableName]lake.Table{}, loads: map[lake.TableName]int{}}
}

// Tables implements lake.Catalog.
func (c *Tables) Tables(context.Context) ([]lake.TableName, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.tables)), nil
}

// Table implements lake.Catalog.
func (c *Tables) Table(_ context.Context, name lake.TableName) (lake.Table, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tables[name]
	if !ok {
		return t, fmt.Errorf("table %s: %w", name, lake.ErrNotFound)
	}
	c.loads[name]++
	t.Files = slices.Clone(t.Files)
	t.Schema = t.Schema.Clone()
	return t, nil
}

// Loads is how often the table was asked for.
func (c *Tables) Loads(name lake.TableName) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loads[name]
}

// Commit implements lake.Catalog, without checks: it is the state of a test.
func (c *Tables) Commit(_ context.Context, tc lake.TableCommit) (lake.Table, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tables[tc.Table]
	t.Name, t.Schema, t.Location = tc.Table, tc.Schema, lake.Key("tables/"+string(tc.Table))
	t.Snapshot++
	t.Files = slices.DeleteFunc(slices.Clone(t.Files), func(f lake.DataFile) bool {
		return slices.ContainsFunc(tc.Remove, func(r lake.DataFile) bool { return r.Key == f.Key })
	})
	t.Files = append(t.Files, tc.Add...)
	c.tables[tc.Table] = t
	return t, nil
}

// Maintain implements lake.Catalog; it does nothing.
func (c *Tables) Maintain(context.Context, lake.TableName, time.Duration) (lake.Maintenance, error) {
	return lake.Maintenance{}, nil
}

// Drop removes a table.
func (c *Tables) Drop(name lake.TableName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tables, name)
}

// Fill adds a file with count rows of one day to a table, whose only column
// after the system's is the number n, from 0. Event times are spread evenly
// over the day.
func (c *Tables) Fill(t testing.TB, table lake.TableName, day lake.Day, count int) lake.DataFile {
	t.Helper()
	f := write(t, c, table, day, numbers(string(table), day, count))
	c.commit(t, table, numberColumns(), []lake.DataFile{f}, nil)
	return f
}

// write writes rows as a data file of the table and day; R is a struct with
// parquet tags that carry the field ids.
func write[R any](t testing.TB, c *Tables, table lake.TableName, day lake.Day, rows []R) lake.DataFile {
	t.Helper()
	c.mu.Lock()
	c.serial++
	key := lake.Key(fmt.Sprintf("tables/%s/data/day=%s/%05d.parquet", table, day, c.serial))
	c.mu.Unlock()
	path := c.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(path, rows, parquet.Compression(&parquet.Zstd)); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return lake.DataFile{Key: key, Day: day, Rows: int64(len(rows)), Bytes: st.Size()}
}

func (c *Tables) path(key lake.Key) string {
	return filepath.Join(c.Root, filepath.FromSlash(string(key)))
}

// commit adds and removes files and sets the columns after the system's.
func (c *Tables) commit(t testing.TB, table lake.TableName, columns []lake.Column, add, remove []lake.DataFile) {
	t.Helper()
	schema := lake.Schema{Columns: append(lake.SystemColumns(), columns...), LastID: 1000}
	if _, err := c.Commit(t.Context(), lake.TableCommit{Table: table, Schema: schema, Add: add, Remove: remove}); err != nil {
		t.Fatal(err)
	}
}
