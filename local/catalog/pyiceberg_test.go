package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/catalogtest"
	"github.com/eventlake/lake/local/catalog"
)

// before and after are rows as the curate stage would write them before and
// after the table's schema grew.
type before struct {
	catalogtest.Row
	Amount *int32 `parquet:"amount,id(9),optional"`
}

type after struct {
	catalogtest.Row
	Amount *int64 `parquet:"amount,id(9),optional"`
	User   *user  `parquet:"user,id(20),optional"`
}

type user struct {
	Name *string `parquet:"name,id(12),optional"`
}

func beforeSchema() lake.Schema {
	return lake.Schema{Columns: append(lake.SystemColumns(), lake.Column{ID: 9, Name: "amount", Type: lake.TypeInt}), LastID: 9}
}

func afterSchema() lake.Schema {
	s := beforeSchema()
	s.Column("amount").Type = lake.TypeLong
	s.Columns = append(s.Columns, lake.Column{ID: 20, Name: "user", Type: lake.TypeStruct, Fields: []lake.Column{{ID: 12, Name: "name", Type: lake.TypeString}}})
	s.LastID = 20
	return s
}

// write makes a Parquet file of the rows and describes it, with the bounds of
// the time and the amount.
func write[T any](t testing.TB, root string, key lake.Key, day lake.Day, rows []T, amounts [2]int64, width int) lake.DataFile {
	t.Helper()
	f, text := catalogtest.Parquet(t, key, day, rows, amounts[0], amounts[1], width)
	f.Columns[1].Nulls = 1
	path := filepath.Join(root, filepath.FromSlash(string(key)))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
		t.Fatal(err)
	}
	return f
}

// rows makes n rows of a day with amounts from first on; the last has none.
func rows(day lake.Day, n int, first int32) (out []before) {
	for i := range n {
		r := before{Row: catalogtest.RowAt(day, i, uint32(first)+uint32(i))}
		if i < n-1 {
			v := first + int32(i)
			r.Amount = &v
		}
		out = append(out, r)
	}
	return out
}

func wider(in []before) (out []after) {
	name := "someone"
	for _, r := range in {
		w := after{r.Row, nil, &user{&name}}
		if r.Amount != nil {
			v := int64(*r.Amount)
			w.Amount = &v
		}
		out = append(out, w)
	}
	return out
}

type answer struct {
	Tables    []string
	Count     int64
	Sum       int64
	Schema    [][4]any
	Files     []string
	Consumed  map[string]string
	Snapshots int
}

func readTable(t *testing.T, python string, args ...string) (a answer) {
	t.Helper()
	catalogtest.ReadTable(t, python, &a, args...)
	return a
}

func TestPyIcebergReadsWhatWeCommit(t *testing.T) {
	py, ctx := catalogtest.PyIceberg(t), context.Background()
	root := filepath.Join(t.TempDir(), "my data")
	c := open(t, root, catalog.Options{})

	one := write(t, root, "tables/lesson/data/2021-07-21/a.parquet", 18829, rows(18829, 100, 1), [2]int64{1, 99}, 4)
	base, err := c.Commit(ctx, lake.TableCommit{Table: "lesson", Schema: beforeSchema(), Add: []lake.DataFile{one}, Consumed: map[lake.ShardID]lake.Position{"shard-000": lake.Pos(100)}})
	if err != nil {
		t.Fatal(err)
	}
	two := write(t, root, "tables/lesson/data/2021-07-22/b.parquet", 18830, wider(rows(18830, 50, 1000)), [2]int64{1000, 1048}, 8)
	three := write(t, root, "tables/lesson/data/2021-07-22/c.parquet", 18830, wider(rows(18830, 10, 5000)), [2]int64{5000, 5008}, 8)
	base, err = c.Commit(ctx, lake.TableCommit{
		Table: "lesson", Base: base.Snapshot, Schema: afterSchema(), Add: []lake.DataFile{two, three},
		Consumed: map[lake.ShardID]lake.Position{"shard-000": lake.Pos(160)},
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(99*100/2 + 49*1000 + 48*49/2 + 9*5000 + 8*9/2)

	check := func(t *testing.T, root string, count int64, files int) {
		got := readTable(t, py, root, "lesson", "amount")
		if got.Count != count || got.Sum != sum || len(got.Files) != files || got.Consumed["shard-000"] != "160" {
			t.Fatalf("PyIceberg says %+v, want %d rows, sum %d, %d files", got, count, sum, files)
		}
		if !slices.Equal(got.Tables, []string{"lake.lesson"}) {
			t.Fatalf("tables: %v", got.Tables)
		}
		var ids []int
		for _, f := range got.Schema {
			ids = append(ids, int(f[0].(float64)))
			if f[1] == "amount" && f[2] != "long" {
				t.Fatalf("amount is %v", f[2])
			}
		}
		if !slices.Equal(ids, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 20}) {
			t.Fatalf("column ids are %v", ids)
		}
		day := readTable(t, py, root, "lesson", "amount", "created_datetime >= '2021-07-22T00:00:00+00:00'")
		if day.Count != 60 || len(day.Files) != 2 {
			t.Fatalf("one day: %d rows of %v", day.Count, day.Files)
		}
		amount := readTable(t, py, root, "lesson", "amount", "amount > 4000")
		if amount.Count != 9 || len(amount.Files) > files-2 {
			t.Fatalf("by amount: %d rows of %v", amount.Count, amount.Files)
		}
	}
	t.Run("after appends and a wider schema", func(t *testing.T) { check(t, root, 160, 3) })

	t.Run("after a compaction", func(t *testing.T) {
		merged := write(t, root, "tables/lesson/data/2021-07-22/d.parquet", 18830, wider(rows(18830, 50, 1000)), [2]int64{1000, 1048}, 8)
		if base, err = c.Commit(ctx, lake.TableCommit{
			Table: "lesson", Base: base.Snapshot, Schema: afterSchema(), Add: []lake.DataFile{merged}, Remove: []lake.DataFile{two},
			Summary: map[string]string{"operation": "replace"},
		}); err != nil {
			t.Fatal(err)
		}
		check(t, root, 160, 3)
	})
	t.Run("after merging of manifests and maintenance", func(t *testing.T) {
		for i := range 20 {
			key := lake.Key(fmt.Sprintf("tables/lesson/data/2021-07-20/%d.parquet", i))
			f := write(t, root, key, 18828, wider(rows(18828, 1, 7)), [2]int64{}, 8)
			f.Columns = f.Columns[:1]
			if base, err = c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: afterSchema(), Add: []lake.DataFile{f}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Maintain(ctx, "lesson", 0); err != nil {
			t.Fatal(err)
		}
		check(t, root, 180, 23)
		if got := readTable(t, py, root, "lesson"); got.Snapshots != 1 {
			t.Fatalf("%d snapshots are left", got.Snapshots)
		}
	})
	t.Run("after moving the directory", func(t *testing.T) {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		moved := filepath.Join(filepath.Dir(root), "moved")
		if err := os.Rename(root, moved); err != nil {
			t.Fatal(err)
		}
		m := open(t, moved, catalog.Options{})
		if _, err := m.Relocate(ctx); err != nil {
			t.Fatal(err)
		}
		check(t, moved, 180, 23)
	})
	t.Run("a table without files", func(t *testing.T) {
		root := t.TempDir()
		e := open(t, root, catalog.Options{})
		if _, err := e.Commit(ctx, lake.TableCommit{Table: "lesson", Schema: afterSchema()}); err != nil {
			t.Fatal(err)
		}
		if got := readTable(t, py, root, "lesson", "amount"); got.Count != 0 {
			t.Fatalf("%+v", got)
		}
	})
}
