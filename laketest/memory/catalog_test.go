package memory_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/catalogtest"
	"github.com/eventlake/lake/laketest/memory"
)

func TestCatalog(t *testing.T) {
	catalogtest.Suite(t, func(t *testing.T, clock lake.Clock) catalogtest.Backend {
		c, s := memory.NewCatalog(), memory.NewStore()
		c.Clock, c.Store = clock, s
		return catalogtest.Backend{
			Catalog: c,
			Put: func(t testing.TB, key lake.Key, bytes int64) {
				_, err := s.Create(context.Background(), key, func(w io.Writer) error {
					_, err := w.Write(make([]byte, bytes))
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			},
			Has: func(t testing.TB, key lake.Key) bool {
				o, err := s.Open(context.Background(), key)
				if errors.Is(err, lake.ErrNotFound) {
					return false
				}
				if err != nil {
					t.Fatal(err)
				}
				return o.Close() == nil
			},
			Reopen: func(testing.TB) lake.Catalog { return c },
		}
	})
}

func BenchmarkCatalogCommit(b *testing.B) {
	b.ReportAllocs()
	s := lake.Schema{Columns: lake.SystemColumns(), LastID: 8}
	for b.Loop() {
		c := memory.NewCatalog()
		if _, err := c.Commit(context.Background(), lake.TableCommit{Table: "lesson", Schema: s}); err != nil {
			b.Fatal(err)
		}
	}
}
