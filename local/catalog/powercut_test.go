package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
)

// life is one run of a catalog whose files lie on a file system that can lose
// power; its SQLite file is a real one.
type life struct {
	root string
	fs   *crashfs.FS
	c    *catalog.Catalog
	now  lake.Instant
	n    int // data files made
}

func (l *life) clock() lake.Instant { return l.now }

func (l *life) open(seam func(disk.FS) disk.FS) (err error) {
	l.fs.SetClock(func() time.Time { return l.now.Time() })
	l.c, err = catalog.Open(context.Background(), l.root, catalog.Options{FS: seam(l.fs), Clock: l.clock})
	return err
}

// data makes a durable data file, as curate would.
func (l *life) data() (lake.DataFile, error) {
	l.n++
	f := lake.DataFile{Key: lake.Key(fmt.Sprintf("tables/lesson/data/part-%03d.parquet", l.n)), Day: 18000, Rows: 1, Bytes: 10}
	path := filepath.Join(l.root, filepath.FromSlash(string(f.Key)))
	if err := l.fs.Mkdir(filepath.Dir(path)); err != nil {
		return f, err
	}
	h, err := l.fs.Create(path)
	if err != nil {
		return f, err
	}
	_, err = h.Write(make([]byte, f.Bytes))
	err = errors.Join(err, h.Sync(), h.Close())
	if err != nil {
		return f, err
	}
	return f, l.fs.SyncDir(filepath.Dir(path))
}

func (l *life) append(base lake.Table, remove ...lake.DataFile) (lake.Table, error) {
	f, err := l.data()
	if err != nil {
		return base, err
	}
	s := beforeSchema()
	if len(remove) > 0 || base.Schema.LastID == 20 {
		s = afterSchema()
	}
	return l.c.Commit(context.Background(), lake.TableCommit{
		Table: "lesson", Base: base.Snapshot, Schema: s, Add: []lake.DataFile{f}, Remove: remove,
		Consumed: map[lake.ShardID]lake.Position{"shard-000": lake.Pos(uint64(l.n))},
	})
}

// script works until the first error; it returns the last state that it knows
// to be committed.
func (l *life) script() (acked lake.Table, err error) {
	var steps []func(lake.Table) (lake.Table, error)
	for range 9 {
		steps = append(steps, func(t lake.Table) (lake.Table, error) { return l.append(t) })
	}
	steps = append(steps,
		func(t lake.Table) (lake.Table, error) { return l.append(t, t.Files[:7]...) },
		func(t lake.Table) (lake.Table, error) {
			l.now = l.now.Add(2 * time.Hour)
			_, err := l.c.Maintain(context.Background(), "lesson", time.Hour)
			return t, err
		},
		func(t lake.Table) (lake.Table, error) { return l.append(t, t.Files[0]) },
	)
	for _, step := range steps {
		next, err := step(acked)
		if err != nil {
			return acked, err
		}
		acked = next
	}
	return acked, nil
}

// cut runs the script with power lost at the n-th file operation, starts again,
// and says what is wrong then. fired is false when there are fewer operations.
func cut(t *testing.T, n int, seed uint64, seam func(disk.FS) disk.FS) (fired bool, wrong error) {
	root := t.TempDir()
	l := &life{root: root, fs: crashfs.New(seed), now: lake.SystemClock()}
	if err := l.fs.Mkdir(root); err != nil {
		t.Fatal(err)
	}
	if err := l.open(seam); err != nil {
		t.Fatal(err)
	}
	l.fs.Inject(crashfs.Fault{N: l.fs.Ops() + n, After: n%2 == 0, Halt: true})
	acked, err := l.script()
	fired = l.fs.Fired() == 1
	if !fired && err != nil {
		t.Fatalf("no fault, and yet: %v", err)
	}
	tried := l.n
	if err := l.c.Close(); err != nil {
		t.Fatal(err)
	}

	l = &life{root: root, fs: l.fs.Crash(), now: l.now, n: tried}
	if err := l.open(seam); err != nil {
		return fired, fmt.Errorf("open: %w", err)
	}
	wrong = errors.Join(l.verify(acked, tried), l.c.Close())
	return fired, wrong
}

// verify checks that the state is the acked one or that of the commit that was
// under way, and that work can go on from it.
func (l *life) verify(acked lake.Table, tried int) error {
	ctx := context.Background()
	got, err := l.c.Table(ctx, "lesson")
	switch {
	case errors.Is(err, lake.ErrNotFound) && acked.Snapshot == 0:
		got = lake.Table{}
	case err != nil:
		return err
	case got.Snapshot != acked.Snapshot && got.Consumed["shard-000"] != lake.Pos(uint64(tried)):
		return fmt.Errorf("consumed is %v, acked was %v, tried %d", got.Consumed, acked.Consumed, tried)
	case got.Snapshot == acked.Snapshot && !slices.EqualFunc(got.Files, acked.Files, func(a, b lake.DataFile) bool { return a.Key == b.Key }):
		return fmt.Errorf("files are %v, acked were %v", got.Files, acked.Files)
	}
	done, err := l.c.Check(ctx)
	if err != nil || len(done.Problems) > 0 || done.Unknown > 0 {
		return fmt.Errorf("check: %+v, %w", done, err)
	}
	next, err := l.append(got)
	if err != nil {
		return fmt.Errorf("go on: %w", err)
	}
	l.now = l.now.Add(3 * time.Hour)
	if _, err := l.c.Maintain(ctx, "lesson", time.Hour); err != nil {
		return err
	}
	if done, err = l.c.Check(ctx); err != nil || len(done.Problems) > 0 || done.Unknown > 0 {
		return fmt.Errorf("check after maintenance: %+v, %w", done, err)
	}
	return l.onlyNamed(next)
}

// onlyNamed checks that maintenance left the live data files and no more
// metadata than one snapshot needs.
func (l *life) onlyNamed(t lake.Table) error {
	entries, err := l.fs.ReadDir(filepath.Join(l.root, "tables", "lesson", "data"))
	if err != nil {
		return err
	}
	if len(entries) != len(t.Files) {
		return fmt.Errorf("%d data files are left of a table of %d", len(entries), len(t.Files))
	}
	if entries, err = l.fs.ReadDir(filepath.Join(l.root, "tables", "lesson", "metadata")); err != nil {
		return err
	}
	lists := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name, "snap-") {
			lists++
		}
	}
	if lists != 1 {
		return fmt.Errorf("%d manifest lists are left of one snapshot", lists)
	}
	return nil
}

func asIs(fs disk.FS) disk.FS { return fs }

func TestPowerCutAtEveryFileOperation(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 7
	}
	runs := 0
	for n := 1; ; n += step {
		fired, err := cut(t, n, uint64(n), asIs)
		if err != nil {
			t.Fatalf("power lost at operation %d (seed %d): %v", n, n, err)
		}
		if !fired {
			break
		}
		runs++
	}
	t.Logf("%d power cuts", runs)
	if runs < 100/step {
		t.Fatalf("only %d faults fired", runs)
	}
}

// lazy forgets to sync what it is told to sync.
type lazy struct {
	disk.FS
	files, dirs bool
}

type lazyFile struct{ disk.File }

func (lazyFile) Sync() error { return nil }

func (l lazy) Create(path string) (disk.File, error) {
	f, err := l.FS.Create(path)
	if err == nil && l.files {
		f = lazyFile{f}
	}
	return f, err
}

func (l lazy) SyncDir(path string) error {
	if l.dirs {
		return nil
	}
	return l.FS.SyncDir(path)
}

func TestPowerCutCatchesACommitThatIsNotSynced(t *testing.T) {
	for name, mutant := range map[string]lazy{"files": {files: true}, "directories": {dirs: true}} {
		t.Run(name, func(t *testing.T) {
			for n := 60; n < 160; n++ {
				seam := func(fs disk.FS) disk.FS { mutant.FS = fs; return mutant }
				if _, err := cut(t, n, uint64(n), seam); err != nil {
					t.Logf("caught at operation %d: %v", n, err)
					return
				}
			}
			t.Fatal("the sweep does not notice that nothing is synced")
		})
	}
}
