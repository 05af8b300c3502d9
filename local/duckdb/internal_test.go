package duckdb

import (
	"context"
	"fmt"
	"testing"

	driver "github.com/duckdb/duckdb-go/v2"

	"github.com/eventlake/lake"
)

func TestSplitFindsStatementAndExplain(t *testing.T) {
	for _, c := range []struct{ sql, explain, query string }{
		{"SELECT 1", "", "SELECT 1"},
		{" -- c\n SELECT 1 ; ; -- d", "", "SELECT 1"},
		{"SELECT ';' ;", "", "SELECT ';'"},
		{"SELECT 1 -- ;", "", "SELECT 1"},
		{"SELECT $$;$$;", "", "SELECT $$;$$"},
		{`SELECT E'\';';`, "", `SELECT E'\';'`},
		{"/* /* ; */ ; */ SELECT 1;", "", "SELECT 1"},
		{"SELECT 'open ;", "", "SELECT 'open ;"},
		{"explain  select 1;", "explain  ", "select 1"},
		{"EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE ", "SELECT 1"},
		{"EXPLAIN (FORMAT json) SELECT 1", "EXPLAIN (FORMAT json) ", "SELECT 1"},
		{"EXPLAIN (ANALYZE, FORMAT json) SELECT 1", "EXPLAIN (ANALYZE, FORMAT json) ", "SELECT 1"},
		{"EXPLAIN (SELECT 1)", "EXPLAIN ", "(SELECT 1)"},
		{"EXPLAIN", "", "EXPLAIN"},
		{"EXPLAIN (FORMAT", "", "EXPLAIN (FORMAT"},
		{";;", "", ""},
		{"", "", ""},
	} {
		if got := split(c.sql); got.explain != c.explain || got.query != c.query {
			t.Errorf("%q: got %q %q", c.sql, got.explain, got.query)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"SELECT 1;", "explain (analyze) select ';' -- x", "$a$;$a$", "E'\\", "/*", "'", `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := split(s)
		if again := split(got.query); got.explain == "" && again.query != got.query {
			t.Errorf("%q: %q, then %q", s, got.query, again.query)
		}
	})
}

// oneTable is a catalog with one empty table.
type oneTable struct{ lake.Catalog }

func (oneTable) Tables(context.Context) ([]lake.TableName, error) {
	return []lake.TableName{"one"}, nil
}

func (oneTable) Table(context.Context, lake.TableName) (lake.Table, error) {
	return lake.Table{Name: "one", Schema: lake.Schema{Columns: lake.SystemColumns()}}, nil
}

func TestDatabaseThatFailedIsReplaced(t *testing.T) {
	for _, which := range []string{"planner", "runner"} {
		tables := &oneTable{}
		e, err := Open(t.Context(), Config{Catalog: tables, Root: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		ask := func() {
			t.Helper()
			rows, err := e.Query(t.Context(), "SELECT count(*) FROM events, one")
			if err != nil {
				t.Fatalf("%s: %v", which, err)
			}
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
		}
		ask()
		d := &e.runner
		if which == "planner" {
			d = &e.planner.database
		}
		c, err := d.conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before := c.instance
		if err := c.close(fmt.Errorf("query: %w", &driver.Error{Type: driver.ErrorTypeFatal})); err != nil {
			t.Error(err)
		}
		ask()
		if d.current == before {
			t.Errorf("%s is still the one that failed", which)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
