package duckdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/enginetest"
	"github.com/eventlake/lake/local/duckdb"
)

const day = lake.Day(18829) // 2021-07-21

func count(t *testing.T, rows lake.Rows) (n int) {
	t.Helper()
	for {
		row, err := rows.Next()
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			break
		}
		n++
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLimitKeepsOrderNamesAndTypes(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	tables.Fill(t, "push", day, 10_000)
	e := open(t, tables)
	rows, err := e.QueryLimit(t.Context(), 3, "SELECT n, n AS n, '[1]'::JSON AS j, 1.5 AS d FROM push ORDER BY n DESC -- the last\n;")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(rows.Columns()), "[{n BIGINT} {n BIGINT} {j JSON} {d DECIMAL(2,1)}]"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	for want := 9999; want > 9996; want-- {
		row, err := rows.Next()
		if err != nil || fmt.Sprint(row) != fmt.Sprintf("[%d %d [1] 1.5]", want, want) {
			t.Errorf("row %v, %v; want n = %d", row, err, want)
		}
	}
	if n := count(t, rows); n != 0 {
		t.Errorf("%d rows beyond the limit", n)
	}
	for _, sql := range []string{"SHOW TABLES", "DESCRIBE push", "EXPLAIN SELECT 1", "VALUES (1), (2), (3)", "SUMMARIZE push", "FROM push", "WITH x AS (FROM push) FROM x", "SELECT 1 UNION ALL SELECT 2", "(SELECT 1)", "TABLE push", "PIVOT push ON event_type IN ('push') USING count(*) GROUP BY day"} {
		if _, err := e.QueryLimit(t.Context(), 2, sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestLimitedQueryOverMuchIsCheap(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	tables.Fill(t, "push", day, 10)
	e := open(t, tables)
	rows, err := e.QueryLimit(t.Context(), 10, "SELECT a.n FROM push a, range(1000000000000)")
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, rows); n != 10 {
		t.Errorf("%d rows", n)
	}
}

func TestMemoryLimitIsAnError(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	tables.Fill(t, "push", day, 10)
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: tables, Root: tables.Root, MemoryLimit: 32 << 20, SpillLimit: 32 << 20, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer closeEngine(t, e)
	_, err = e.Query(t.Context(), "SELECT list(x || 'some text to make it large') FROM push, range(20000000) t(x)")
	if !errors.Is(err, lake.ErrLimit) || lake.Hint(err) == "" || strings.Contains(err.Error(), tables.Root) {
		t.Errorf("got %v", err)
	}
	enginetest.Expect(t, e, "SELECT count(*) FROM push", "10")
}

// TestMemoryLimitHoldsForStatementsWithoutTables: they have all of it, and
// not more.
func TestMemoryLimitHoldsForStatementsWithoutTables(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	for _, limit := range []int64{64, 300} {
		e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: tables, Root: tables.Root, MemoryLimit: limit << 20, SpillLimit: 32 << 20, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{
			"SELECT list(x || 'some text to make it large') FROM range(20000000) t(x)",
			"SELECT list(x || 'some text to make it large') FROM range(20000000) t(x) WHERE x < 20000000 + (SELECT count(*) FROM duckdb_tables())",
		} {
			if _, err := e.Query(t.Context(), sql); !errors.Is(err, lake.ErrLimit) || !strings.Contains(err.Error(), fmt.Sprintf("/%d.0 MiB used", limit)) {
				t.Errorf("%d MiB, %s: %v", limit, sql, err)
			}
		}
		closeEngine(t, e)
	}
}

func closeEngine(t *testing.T, e *duckdb.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestSpillStaysInsideAndIsRemoved(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	tables.Fill(t, "push", day, 1)
	stale := filepath.Join(tables.Root, "tmp", "sql-999999999-x")
	if err := os.MkdirAll(stale, 0o755); err != nil {
		t.Fatal(err)
	}
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: tables, Root: tables.Root, MemoryLimit: 64 << 20, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a dead process left is still there: %v", err)
	}
	rows, err := e.Query(t.Context(), "SELECT max(s) FROM (SELECT x || repeat('a', 50) AS s FROM range(2000000) t(x), push ORDER BY hash(x) OFFSET 1)")
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, rows); n != 1 {
		t.Errorf("%d rows", n)
	}
	closeEngine(t, e)
	left, err := os.ReadDir(filepath.Join(tables.Root, "tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestConfiguredTimeoutEndsStatement(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: tables, Root: tables.Root, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer closeEngine(t, e)
	if _, err := e.Query(t.Context(), "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range * b.range % 7 = 3"); !errors.Is(err, lake.ErrLimit) {
		t.Errorf("got %v", err)
	}
}

// late answers with the state before the last commit once.
type late struct {
	lake.Catalog
	mu    sync.Mutex
	stale *lake.Table
}

func (l *late) Table(ctx context.Context, name lake.TableName) (lake.Table, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.stale; t != nil {
		l.stale = nil
		return *t, nil
	}
	return l.Catalog.Table(ctx, name)
}

func TestVanishedFileIsLookedUpAgain(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	gone := tables.Fill(t, "push", day, 10)
	old, err := tables.Table(t.Context(), "push")
	if err != nil {
		t.Fatal(err)
	}
	tables.Drop("push")
	tables.Fill(t, "push", day, 20)
	if err := os.Remove(filepath.Join(tables.Root, string(gone.Key))); err != nil {
		t.Fatal(err)
	}
	l := &late{Catalog: tables, stale: &old}
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: l, Root: tables.Root})
	if err != nil {
		t.Fatal(err)
	}
	defer closeEngine(t, e)
	enginetest.Expect(t, e, "SELECT count(*) FROM push", "20")
	l.stale = &old
	var out bytes.Buffer
	if n, err := e.CopyParquet(t.Context(), "FROM push", &out); err != nil || n != 20 {
		t.Errorf("export: %d rows, %v", n, err)
	}
}

func TestCopyParquetKeepsTypes(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	tables.Fill(t, "push", day, 100)
	e := open(t, tables)
	var out bytes.Buffer
	n, err := e.CopyParquet(t.Context(), "SELECT event_id, created_datetime, n, {'a': [n]} AS s, day FROM push WHERE day = '2021-07-21' ORDER BY n LIMIT 10;", &out)
	if err != nil || n != 10 {
		t.Fatal(n, err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || f.NumRows() != 10 {
		t.Fatal(f, err)
	}
	schema := f.Schema().String()
	for _, want := range []string{"event_id (UUID)", "isAdjustedToUTC=true,unit=MICROS", "int64 n", "group s", "day (DATE)"} {
		if !strings.Contains(schema, want) {
			t.Errorf("%q is not in %s", want, schema)
		}
	}
	for _, sql := range []string{"SHOW TABLES", "EXPLAIN SELECT 1", "DROP VIEW events", "SELECT 1) TO '/tmp/x'; --", "SELECT nope", "SELECT * FROM read_text('/etc/passwd')"} {
		var out bytes.Buffer
		if _, err := e.CopyParquet(t.Context(), sql, &out); !errors.Is(err, lake.ErrInvalid) || out.Len() > 0 {
			t.Errorf("%s: %d bytes, %v", sql, out.Len(), err)
		}
	}
	out.Reset()
	if n, err := e.CopyParquet(t.Context(), "SELECT n FROM push WHERE false", &out); err != nil || n != 0 || out.Len() == 0 {
		t.Errorf("an empty result: %d rows, %d bytes, %v", n, out.Len(), err)
	}
}

func TestAnyDirectoryNameWorks(t *testing.T) {
	for _, name := range []string{"it's [x]*?{y}", "day=2000-01-01", "ü 漢", `a"b`} {
		root := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(root, 0o755); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(root, link); err != nil {
			t.Fatal(err)
		}
		tables := enginetest.NewTables(link)
		tables.Fill(t, "push", day, 10)
		tables.Fill(t, "push", day+1, 10)
		e := open(t, tables)
		enginetest.Expect(t, e, "SELECT count(*), count(DISTINCT day) FROM push", "20|2")
	}
}

func TestClosedEngineSaysSo(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: tables, Root: tables.Root})
	if err != nil {
		t.Fatal(err)
	}
	closeEngine(t, e)
	if _, err := e.Query(t.Context(), "SELECT 1"); !errors.Is(err, lake.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestUnchangedTablesAreNotLoaded(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	tables.Fill(t, "push", day, 1)
	tables.Fill(t, "watch", day, 1)
	e := open(t, tables)
	for range 5 {
		enginetest.Expect(t, e, "SELECT count(*) FROM push", "1")
	}
	if n := tables.Loads("watch"); n != 1 {
		t.Errorf("a table that no statement named was loaded %d times", n)
	}
}
