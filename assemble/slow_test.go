package assemble

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/raw"
)

// pausingStore calls during when an object has its bytes and not its name yet,
// and after when it is there.
type pausingStore struct {
	lake.Store
	during, after func(lake.Key)
}

func (s pausingStore) Create(ctx context.Context, key lake.Key, write func(io.Writer) error) (lake.Info, error) {
	info, err := s.Store.Create(ctx, key, func(w io.Writer) error {
		if err := write(w); err != nil {
			return err
		}
		s.during(key)
		return nil
	})
	if err == nil {
		s.after(key)
	}
	return info, err
}

// aged makes every file below dir whose name ends so as old as if it had been
// written before the clock went on by so much.
func aged(t *testing.T, dir, suffix string, by time.Duration) (n int) {
	t.Helper()
	long := time.Now().Add(-by)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		n++
		return os.Chtimes(path, long, long)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tidyMeanwhile tidies with little patience for what is being written.
func (l *Local) tidyMeanwhile(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := l.Tidy(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestTheClockMayJumpAndCyclesMayBeSlow has upkeep look when raw and data files
// are written and not committed, and by the clock hours ago: because the cycle
// takes longer than curate.keep_snapshots or because the clock has jumped
// forward. Between the rounds the clock that sweeps use goes back and forth.
func TestTheClockMayJumpAndCyclesMayBeSlow(t *testing.T) {
	now := instant(created + 100)
	l := openedWith(t, t.TempDir(), &now, func(c *config.Config) { c.Stream.Shards, c.Curate.KeepSnapshots = 1, time.Minute })
	defer closed(t, l)
	l.sweeper = raw.NewSweeper(l.Ledger, l.Store, l.Clock)

	const jump = 3 * time.Hour
	looked := map[string]int{}
	look := func(what, dir, suffix string) {
		looked[what] += aged(t, filepath.Join(l.Config.Data, dir), suffix, jump)
		l.tidyMeanwhile(t)
	}
	during := func(key lake.Key) {
		if strings.HasPrefix(string(key), raw.Root) && looked["raw file in the making"] == 0 {
			look("raw file in the making", raw.Root, "")
		}
	}
	after := func(key lake.Key) {
		if strings.HasPrefix(string(key), "tables/") {
			look("data file", "tables", ".parquet")
		} else {
			look("raw file", raw.Root, ".gz")
		}
	}
	store := pausingStore{l.Store, during, after}
	var err error
	if l.Gzip, err = raw.NewCompressor(store, 1); err != nil {
		t.Fatal(err)
	}
	l.Curator, err = curate.New(curate.Config{Backlog: l.Ledger, Store: store, Catalog: l.Catalog, Lines: l.Lines})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for i, by := range []time.Duration{time.Hour, -5 * time.Hour, 400 * 24 * time.Hour, -time.Minute, 11 * time.Minute, 0} {
		id := ofShard(0) + string(rune('a'+i))
		ids[id] = body(id, created)
		sentIn(t, l, now, map[string]string{id: ids[id]})
		settled := l.Settle(t.Context())
		if i == 0 && looked["raw file"] == 0 && settled != nil {
			settled = l.Settle(t.Context()) // its unfinished file was taken away: the worker goes back to its commit
		}
		if settled != nil {
			t.Fatalf("round %d: %v", i, settled)
		}
		if err := errors.Join(l.MergeRaw(t.Context()), l.Tidy(t.Context())); err != nil {
			t.Fatal(err)
		}
		now = now.Add(by)
	}
	for _, what := range []string{"raw file in the making", "raw file", "data file"} {
		if looked[what] == 0 {
			t.Errorf("upkeep never met a %s", what)
		}
	}
	onceEach(t, tableIDs(t, l, "account"), len(ids))
	verified(t, l)
}
