package catalog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/catalog"
)

// A table has a commit every ten seconds, so its metadata lists only the
// snapshots of some minutes. Whatever was current within the time kept has its data files
// and its metadata all the same, also after a restart, and not longer.
func TestSnapshotsKeepTheirFilesOnABusyTable(t *testing.T) {
	const keep = 24 * time.Hour
	ctx, root := context.Background(), t.TempDir()
	start := lake.InstantOf(time.Now())
	now := start
	clock := catalog.Options{Clock: func() lake.Instant { return now }}
	c := open(t, root, clock)
	var base lake.Table
	n := 0
	commit := func(remove ...lake.DataFile) lake.DataFile {
		t.Helper()
		f := lake.DataFile{Key: lake.Key(fmt.Sprintf("tables/lesson/data/%04d.parquet", n)), Day: 18000, Rows: 1, Bytes: 8}
		n++
		put(t, root, f.Key, f.Bytes)
		var err error
		base, err = c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: lake.Schema{Columns: lake.SystemColumns(), LastID: 8}, Add: []lake.DataFile{f}, Remove: remove})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	maintain := func() {
		t.Helper()
		if _, err := c.Maintain(ctx, "lesson", keep); err != nil {
			t.Fatal(err)
		}
	}
	lists := func() (all []string) {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(root, "tables/lesson/metadata/snap-*"))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	old := commit()
	now = now.Add(10 * time.Second)
	commit(old) // a compaction, say
	for range 120 {
		now = now.Add(10 * time.Second)
		commit()
	}
	replaced := start.Add(10 * time.Second)
	at := lists()
	if len(at) != 122 {
		t.Fatalf("%d manifest lists of 122 snapshots", len(at))
	}
	// Everything was written long ago, as far as the files say.
	for _, dir := range []string{"data", "metadata"} {
		files, err := filepath.Glob(filepath.Join(root, "tables/lesson", dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			long := start.Time().Add(-2 * keep)
			if err := os.Chtimes(f, long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(root, string(old.Key))
	maintain()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the file of a snapshot that was current %s ago: %v", now.Sub(replaced), err)
	}
	now = replaced.Add(keep - time.Second)
	c = open(t, root, clock)
	maintain()
	if _, err := os.Stat(path); err != nil || !slices.Equal(lists(), at) {
		t.Fatalf("%d of %d manifest lists are there, and %v", len(lists()), len(at), err)
	}
	now = replaced.Add(keep + time.Second)
	maintain()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file of a snapshot that was replaced %s ago: %v", now.Sub(replaced), err)
	}
	if got := len(lists()); got != 121 {
		t.Errorf("%d manifest lists are there, one snapshot is over", got)
	}
	now = now.Add(2 * keep)
	maintain()
	maintain()
	left, err := os.ReadDir(filepath.Join(root, "tables/lesson/metadata"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), "forgotten-") {
			t.Errorf("%s is left", f.Name())
		}
	}
	if got := len(lists()); got != 1 {
		t.Errorf("%d manifest lists are left of one snapshot", got)
	}
	done, err := c.Check(ctx)
	if err != nil || len(done.Problems) > 0 {
		t.Errorf("check: %+v, %v", done.Problems, err)
	}
}
