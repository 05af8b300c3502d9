package iceberg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
	"github.com/eventlake/lake/laketest/memory"
)

// row is a pointer of one table in memory.
type row struct{ uri string }

func (r *row) List(context.Context) ([]lake.TableName, error)       { return []lake.TableName{"lesson"}, nil }
func (r *row) Swap(_ context.Context, m iceberg.Move) (bool, error) { r.uri = m.To; return true, nil }
func (r *row) Get(_ context.Context, _ lake.TableName) (string, error) {
	if r.uri == "" {
		return "", lake.ErrNotFound
	}
	return r.uri, nil
}

func (r *row) Hold(_ context.Context, _ lake.TableName, _ string, remove func() error, _ iceberg.Named) (bool, error) {
	return true, remove()
}

// TestDamagedMetadataIsRefusedOrRead changes one metadata file at one place, many
// times: reading the table either fails with a known error or gives a table, and
// never panics.
func TestDamagedMetadataIsRefusedOrRead(t *testing.T) {
	ctx := context.Background()
	r, store := &row{}, memory.NewStore()
	catalog := func(s lake.Store) *iceberg.Catalog {
		return iceberg.New(iceberg.Options{Pointer: r, Files: iceberg.FilesIn(s), Root: iceberg.Root{URI: "s3://bucket"}})
	}
	var base lake.Table
	for n := range 3 {
		file := lake.DataFile{Key: lake.Key(fmt.Sprintf("tables/lesson/data/%d.parquet", n)), Day: lake.Day(18000 + n), Rows: 1, Bytes: 10,
			Columns: []lake.ColumnStat{{ID: 2, Values: 1, Lower: []byte("a"), Upper: []byte("b")}}}
		write(t, store, file.Key, make([]byte, 10))
		var err error
		if base, err = catalog(store).Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: lake.Schema{Columns: lake.SystemColumns(), LastID: 8}, Add: []lake.DataFile{file}}); err != nil {
			t.Fatal(err)
		}
	}
	objects := map[string][]byte{}
	var names []string
	for info, err := range store.List(ctx, "tables/lesson/") {
		if err != nil {
			t.Fatal(err)
		}
		o, err := store.Open(ctx, info.Key)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(o)
		if err != nil {
			t.Fatal(err)
		}
		objects[string(info.Key)] = data
		if strings.Contains(string(info.Key), "/metadata/") {
			names = append(names, string(info.Key))
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for range rounds() {
		name := names[rng.IntN(len(names))]
		data := bytes.Clone(objects[name])
		at := rng.IntN(len(data))
		switch rng.IntN(3) {
		case 0:
			data = data[:at]
		case 1:
			data[at] ^= 1 << rng.IntN(8)
		case 2:
			for i := at; i < min(len(data), at+8); i++ {
				data[i] = byte(rng.IntN(256))
			}
		}
		damaged := memory.NewStore()
		for n, d := range objects {
			if n == name {
				d = data
			}
			write(t, damaged, lake.Key(n), d)
		}
		c := catalog(damaged)
		_, err := c.Table(ctx, "lesson")
		if err != nil {
			refused++
			if !errors.Is(err, lake.ErrCorrupt) && !errors.Is(err, lake.ErrInvalid) {
				t.Fatalf("%s changed at %d: error is %v", name, at, err)
			}
		}
		if _, err := c.Check(ctx); err != nil {
			t.Fatalf("%s changed at %d: check: %v", name, at, err)
		}
	}
	if refused == 0 {
		t.Fatal("no damage was noticed")
	}
	t.Logf("%d of %d were refused", refused, rounds())
}

func rounds() int {
	if testing.Short() {
		return 50
	}
	return 400
}

func write(t testing.TB, s lake.Store, key lake.Key, data []byte) {
	t.Helper()
	if _, err := s.Create(context.Background(), key, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
		t.Fatal(err)
	}
}
