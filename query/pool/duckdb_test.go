package pool_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/enginetest"
	"github.com/eventlake/lake/local/duckdb"
	"github.com/eventlake/lake/query"
	"github.com/eventlake/lake/query/pool"
)

// TestAnswersAreThoseOfOneProcess compares with an engine here.
func TestAnswersAreThoseOfOneProcess(t *testing.T) {
	root := t.TempDir()
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: enginetest.NewTables(root), Root: root, MemoryLimit: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	here := query.Direct(e, query.Bounds{})
	p := open(t, pool.Config{Memory: 64 << 20}, setup{Root: root, Memory: 64 << 20})
	for _, sql := range []string{"SELECT 1.50 AS d, NULL, [1, 2], {'a': 'ü'}, DATE '2026-01-01'", "SELECT * FROM range(5000)", "SHOW TABLES", "SELECT nope", "DROP TABLE x", "SELECT * FROM nothing"} {
		want, answered, wantErr := ask(t.Context(), here, sql)
		got, a, gotErr := ask(t.Context(), p, sql)
		if got != want || a != answered {
			t.Errorf("%s: got %s %+v, want %s %+v", sql, got, a, want, answered)
		}
		if (gotErr == nil) != (wantErr == nil) || gotErr != nil && (gotErr.Error() != wantErr.Error() || lake.Hint(gotErr) != lake.Hint(wantErr) || errors.Is(gotErr, lake.ErrInvalid) != errors.Is(wantErr, lake.ErrInvalid)) {
			t.Errorf("%s: got %v, want %v", sql, gotErr, wantErr)
		}
	}
}

// TestGreedyStatementsAreRefused: none of these stops at what DuckDB counts as
// its memory.
func TestGreedyStatementsAreRefused(t *testing.T) {
	p := open(t, pool.Config{Memory: 64 << 20}, setup{Root: t.TempDir(), Memory: 64 << 20})
	for _, sql := range []string{
		"SELECT repeat('x', 1000000000)",
		"SELECT repeat('x', 3000000000), repeat('y', 3000000000)",
		"SELECT repeat('x', 300000000)",
		"SELECT repeat('x', 100000000)",
		"SELECT repeat('x', 17000000)",
		"SELECT length(printf('%1000000000d', 1))",
		"SELECT list_sum(range(200000000))",
		"SELECT string_agg(repeat('x', 100000), '') FROM range(100000)",
		"SELECT map_from_entries(list_transform(range(10000000), x -> (x, x)))",
		"WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t WHERE length(s) < 4000000000) SELECT max(length(s)) FROM t",
	} {
		start := time.Now()
		out, _, err := ask(t.Context(), p, sql)
		if !errors.Is(err, lake.ErrLimit) || out != "" {
			t.Errorf("%s: %d bytes, %v", sql, len(out), err)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s took %v", sql, d)
		}
		if out, _, err := ask(t.Context(), p, "SELECT 1 AS n"); err != nil || strings.TrimSpace(out) != `{"n":1}` {
			t.Errorf("after %s: %s, %v", sql, out, err)
		}
	}
}

// BenchmarkAnswer is what a process apart costs a statement.
func BenchmarkAnswer(b *testing.B) {
	p := open(b, pool.Config{}, setup{Root: b.TempDir(), Memory: 64 << 20})
	for b.Loop() {
		if _, _, err := ask(b.Context(), p, "SELECT 1"); err != nil {
			b.Fatal(err)
		}
	}
}
