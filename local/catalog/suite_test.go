package catalog_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/catalogtest"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
)

func TestContract(t *testing.T) {
	catalogtest.Suite(t, func(t *testing.T, clock lake.Clock) catalogtest.Backend {
		root := t.TempDir()
		c := open(t, root, catalog.Options{Clock: clock})
		return catalogtest.Backend{
			Catalog: c,
			Put:     func(t testing.TB, key lake.Key, bytes int64) { put(t, root, key, bytes) },
			Has:     func(t testing.TB, key lake.Key) bool { return exists(t, root, key) },
			Reopen: func(t testing.TB) lake.Catalog {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
				c = open(t, root, catalog.Options{Clock: clock})
				return c
			},
		}
	})
}

// open opens a catalog that the test closes when it is still open at its end.
func open(t testing.TB, root string, o catalog.Options) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(context.Background(), root, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func put(t testing.TB, root string, key lake.Key, bytes int64) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(string(key)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, bytes), 0o644); err != nil {
		t.Fatal(err)
	}
}

func exists(t testing.TB, root string, key lake.Key) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(string(key))))
	if err != nil && !disk.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}
