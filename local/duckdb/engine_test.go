package duckdb_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/enginetest"
	"github.com/eventlake/lake/local/duckdb"
)

func open(t testing.TB, tables *enginetest.Tables) *duckdb.Engine {
	t.Helper()
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: tables, Root: tables.Root, MemoryLimit: 256 << 20, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestContract(t *testing.T) {
	enginetest.Suite(t, func(t *testing.T, tables *enginetest.Tables) lake.Engine { return open(t, tables) })
}
