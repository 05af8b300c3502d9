package catalog_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	icesql "github.com/apache/iceberg-go/catalog/sql"
	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
)

// foreign opens the tables as another program would, with iceberg-go's own
// catalog.
func foreign(t *testing.T, root string) *icesql.Catalog {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(root, "tables", "catalog.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := icesql.NewCatalog(catalog.Name, db, icesql.SQLite, iceberg.Properties{"warehouse": "file://" + filepath.Join(root, "tables")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnotherEngineReadsAndWritesBesideUs(t *testing.T) {
	ctx := context.Background()
	root, c, base := stand(t)
	other := foreign(t, root)
	tbl, err := other.LoadTable(ctx, table.Identifier{catalog.Name, "lesson"})
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := tbl.Scan().PlanFiles(ctx)
	if err != nil || len(tasks) != 2 {
		t.Fatalf("plan: %d files, %v", len(tasks), err)
	}

	// It adds a snapshot that does not know of our positions.
	tx := tbl.NewTransaction()
	if err := tx.ReplaceDataFiles(ctx, []string{tasks[0].File.FilePath()}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: base.Schema})
	if !errors.Is(err, lake.ErrStale) {
		t.Fatalf("error is %v", err)
	}
	now, err := c.Table(ctx, "lesson")
	if err != nil || len(now.Files) != 1 || now.Consumed["shard-000"] != lake.Pos(7) || !now.Schema.Equal(&base.Schema) {
		t.Fatalf("%+v, %v", now, err)
	}
	if _, err := c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: now.Snapshot, Schema: now.Schema}); err != nil {
		t.Fatal(err)
	}
	if tbl, err = other.LoadTable(ctx, table.Identifier{catalog.Name, "lesson"}); err != nil {
		t.Fatal(err)
	}
	if tasks, err = tbl.Scan().PlanFiles(ctx); err != nil || len(tasks) != 1 {
		t.Fatalf("plan: %d files, %v", len(tasks), err)
	}
}

func TestTwoCatalogsOfOneDirectory(t *testing.T) {
	ctx := context.Background()
	root, c, base := stand(t)
	other := open(t, root, catalog.Options{})
	seen, err := other.Table(ctx, "lesson")
	if err != nil || seen.Snapshot != base.Snapshot {
		t.Fatalf("%v, %v", seen, err)
	}
	next, err := c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: base.Schema})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: base.Schema}); !errors.Is(err, lake.ErrStale) {
		t.Fatalf("error is %v", err)
	}
	if seen, err = other.Table(ctx, "lesson"); err != nil || seen.Snapshot != next.Snapshot {
		t.Fatalf("%v, %v", seen, err)
	}
	// The other tidies up; our base is still good.
	if _, err := other.Maintain(ctx, "lesson", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: next.Snapshot, Schema: base.Schema}); err != nil {
		t.Fatal(err)
	}
}

func TestMovedDirectoryWorksAndRelocates(t *testing.T) {
	ctx := context.Background()
	root, c, base := stand(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "with tables/tables/lesson", "in its path")
	if err := os.MkdirAll(filepath.Dir(moved), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(root, moved); err != nil {
		t.Fatal(err)
	}
	m := open(t, moved, catalog.Options{})
	now, err := m.Table(ctx, "lesson")
	if err != nil || now.Snapshot != base.Snapshot || !slices.EqualFunc(now.Files, base.Files, func(a, b lake.DataFile) bool { return a.Key == b.Key }) {
		t.Fatalf("%+v, %v", now, err)
	}
	for want := 1; want >= 0; want-- {
		names, err := m.Relocate(ctx)
		if err != nil || len(names) != want {
			t.Fatalf("relocate: %v, %v", names, err)
		}
	}
	tbl, err := foreign(t, moved).LoadTable(ctx, table.Identifier{catalog.Name, "lesson"})
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := tbl.Scan().PlanFiles(ctx)
	if err != nil || len(tasks) != 2 {
		t.Fatalf("plan: %d files, %v", len(tasks), err)
	}
	for _, task := range tasks {
		if !strings.HasPrefix(task.File.FilePath(), "file://"+moved+"/tables/lesson/data/") {
			t.Fatalf("file at %s", task.File.FilePath())
		}
	}
	sound(t, m)
	after, err := m.Table(ctx, "lesson")
	if err != nil || after.Consumed["shard-000"] != lake.Pos(7) {
		t.Fatalf("%+v, %v", after, err)
	}
}

// killer ends the process at the sync of the directory, after the metadata was
// written and before the row moves.
type killer struct{ disk.FS }

func (k killer) SyncDir(path string) error {
	if err := k.FS.SyncDir(path); err != nil {
		return err
	}
	if filepath.Base(path) != "metadata" {
		return nil
	}
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	select {} // until the signal arrives
}

const childEnv = "LAKE_CATALOG_TEST_CHILD"

func TestKilledBeforeTheCommitPointLeavesTheOldState(t *testing.T) {
	ctx := context.Background()
	if root := os.Getenv(childEnv); root != "" { // the child, which never gets to the end
		c := open(t, root, catalog.Options{FS: killer{disk.OS{}}})
		base, err := c.Table(ctx, "lesson")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: base.Schema, Remove: base.Files})
		t.Fatalf("survived: %v", err)
	}
	root, c, base := stand(t)
	before := count(t, root)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), childEnv+"="+root)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	now, err := c.Table(ctx, "lesson")
	if err != nil || now.Snapshot != base.Snapshot {
		t.Fatalf("%+v, %v", now, err)
	}
	orphans := count(t, root) - before
	if orphans < 2 {
		t.Fatalf("%d orphans", orphans)
	}
	later := open(t, root, catalog.Options{Clock: func() lake.Instant { return lake.SystemClock().Add(time.Hour) }})
	m, err := later.Maintain(ctx, "lesson", time.Minute)
	if err != nil || m.Files < orphans {
		t.Fatalf("maintenance did %+v, %v", m, err)
	}
	if done, err := later.Check(ctx); err != nil || len(done.Problems) > 0 {
		t.Fatalf("check: %+v, %v", done, err)
	}
}

// count is the number of metadata files of the table.
func count(t *testing.T, root string) int {
	t.Helper()
	es, err := os.ReadDir(filepath.Join(root, "tables", "lesson", "metadata"))
	if err != nil {
		t.Fatal(err)
	}
	return len(es)
}

func TestRowLevelDeletesOfAnotherEngineAreRefusedNotIgnored(t *testing.T) {
	ctx := context.Background()
	root, c, base := stand(t)
	tbl, err := foreign(t, root).LoadTable(ctx, table.Identifier{catalog.Name, "lesson"})
	if err != nil {
		t.Fatal(err)
	}
	spec := tbl.Spec()
	id := spec.Field(0).FieldID
	b, err := iceberg.NewDataFileBuilder(spec, iceberg.EntryContentPosDeletes, tbl.Location()+"/data/deletes.parquet", iceberg.ParquetFile,
		map[int]any{id: iceberg.Date(18000)}, map[int]string{id: "date"}, nil, 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	tx := tbl.NewTransaction()
	if err := tx.NewRowDelta(nil).AddDeletes(b.Build()).Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Table(ctx, "lesson"); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Fatalf("error is %v", err)
	}
	if _, err := c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: base.Schema}); err == nil {
		t.Fatal("committed on top of what it cannot read")
	}
}
