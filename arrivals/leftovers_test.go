package arrivals_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
)

// dated is a store whose objects are as old as the test says.
type dated struct {
	*memory.Store
	now   lake.Instant
	mu    sync.Mutex
	times map[lake.Key]lake.Instant
}

func newDated() *dated {
	return &dated{Store: memory.NewStore(), now: noon, times: map[lake.Key]lake.Instant{}}
}

func (d *dated) Create(ctx context.Context, key lake.Key, write func(io.Writer) error) (lake.Info, error) {
	info, err := d.Store.Create(ctx, key, write)
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.times[key]; err == nil && !ok {
		d.times[key] = d.now
	}
	return info, err
}

func (d *dated) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		for info, err := range d.Store.List(ctx, prefix) {
			d.mu.Lock()
			info.Time = d.times[info.Key]
			d.mu.Unlock()
			if !yield(info, err) {
				return
			}
		}
	}
}

func (d *dated) keys(t *testing.T, prefix lake.Key) (keys []lake.Key) {
	t.Helper()
	for info, err := range d.Store.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// flush writes the files of a span as a worker does, of some types. It is days
// behind, for each type further.
func (d *dated) flush(t *testing.T, shard lake.ShardID, span lake.Span, text string, types ...string) []lake.File {
	t.Helper()
	gz, err := raw.NewCompressor(d, 1)
	if err != nil {
		t.Fatal(err)
	}
	var parts []lake.Part
	for i, kind := range types {
		parts = append(parts, lake.Part{Partition: lake.Partition{Name: lake.Name{Type: kind, Subtype: "x"}, Day: noon.Day()}, Events: 1,
			Lines: []byte(text + "\n"), Received: d.now.Add(-time.Duration(10+24*i) * time.Hour), MinTime: noon, MaxTime: noon, First: span.To})
	}
	files, err := raw.NewWriter(gz, nil).Write(t.Context(), shard, span, parts)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func spanOf(after, to uint64) lake.Span {
	return lake.Span{After: lake.Pos(after), To: lake.Pos(to)}
}

func commit(t *testing.T, l lake.Ledger, shard lake.ShardID, span lake.Span, files []lake.File) {
	t.Helper()
	if err := l.Commit(t.Context(), lake.Commit{Shard: shard, Span: span, Add: files}); err != nil {
		t.Fatal(err)
	}
}

func sweep(t *testing.T, l lake.Ledger, d *dated, dry bool) arrivals.Swept {
	t.Helper()
	s, err := arrivals.Sweep(t.Context(), l, d, d.now, dry)
	if err != nil || !s.Finished {
		t.Fatal(s, err)
	}
	return s
}

// TestOnlyFilesWhoseRecordsAnotherCommitTookAreSwept.
func TestOnlyFilesWhoseRecordsAnotherCommitTookAreSwept(t *testing.T) {
	ledger, store := memory.NewLedger(time.Hour), newDated()
	const a, b, c = "shardId-000000000000", "shardId-000000000001", "shardId-000000000002"
	var want []lake.Key
	leftover := func(files []lake.File) {
		for _, f := range files {
			want = append(want, f.Key)
		}
	}
	leftover(store.flush(t, a, spanOf(0, 7), "killed", "account", "payment"))
	first := store.flush(t, a, spanOf(0, 9), "one", "account")
	leftover(store.flush(t, a, spanOf(0, 9), "two", "account")) // of other settings, in the same place
	commit(t, ledger, a, spanOf(0, 9), first)
	leftover(store.flush(t, a, spanOf(9, 11), "killed", "account"))
	second := store.flush(t, a, spanOf(9, 12), "three", "account", "payment")
	commit(t, ledger, a, spanOf(9, 12), second)
	store.flush(t, a, spanOf(12, 15), "not committed yet", "account")
	store.flush(t, a, spanOf(3, 9), "of a Lambda that was in the workers' place before", "account")
	store.flush(t, b, spanOf(0, 5), "of a shard without commits", "account")
	store.flush(t, c, spanOf(0, 5), "killed, and all that followed were duplicates", "account")
	commit(t, ledger, c, spanOf(0, 6), nil)
	for _, key := range []lake.Key{object(1).Key, "quarantine/day=2026-06-01/part-" + a + "-000000000000-000000000007.ndjson.gz",
		"raw/part-" + a + "-000000000000-000000000007.ndjson.gz"} {
		if _, err := store.Create(t.Context(), key, func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	begun, before := store.now, store.keys(t, "")
	for _, age := range []time.Duration{0, 2*time.Hour + 59*time.Minute, 23*time.Hour + time.Minute} {
		store.now = begun.Add(age)
		if s := sweep(t, ledger, store, false); s.Objects != 0 {
			t.Fatalf("swept at the age of %s: %+v", age, s)
		}
	}
	store.now = begun.Add(4 * time.Hour)
	dry := sweep(t, ledger, store, true)
	if !slices.Equal(dry.Keys, want) || dry.Objects != len(want) || dry.Bytes == 0 || !slices.Equal(store.keys(t, ""), before) {
		t.Fatalf("a dry run lists %+v, want %v", dry, want)
	}
	j, err := (&arrivals.Whole{Ledger: ledger, Store: store, Clock: func() lake.Instant { return store.now }}).Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for f := range j.Files(lake.KindRaw) {
		if read++; slices.Contains(want, f.Key) {
			t.Errorf("a rebuild would read %s", f.Key)
		}
	}
	if s := sweep(t, ledger, store, false); !slices.Equal(s.Keys, want) || s.Bytes != dry.Bytes {
		t.Fatalf("swept %+v, want %v", s, want)
	}
	left := slices.DeleteFunc(before, func(k lake.Key) bool { return slices.Contains(want, k) })
	if got := store.keys(t, ""); !slices.Equal(got, left) || read != len(left)-2 { // but quarantine, and what is no raw file
		t.Fatalf("%v is left, want %v; a rebuild reads %d", got, left, read)
	}
	if s := sweep(t, ledger, store, false); s.Objects != 0 {
		t.Fatalf("a second sweep finds %+v", s)
	}
}

// late is a commit that a worker makes at another time, if ever.
type late struct {
	commit lake.Commit
	at     lake.Instant
}

// TestNothingCommittedIsEverSwept: workers are killed between files and commit, or
// sleep there for hours and days and commit then; tables and the ledger's
// forgetting follow at odd times.
func TestNothingCommittedIsEverSwept(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	swept, slept := 0, 0
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 4))
		ledger, store := memory.NewLedger(time.Hour), newDated()
		committed := map[lake.Key]bool{}
		var sleeping []late
		try := func(c lake.Commit) {
			err := ledger.Commit(t.Context(), c)
			if err != nil && !errors.Is(err, lake.ErrStale) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, f := range c.Add {
				committed[f.Key] = committed[f.Key] || err == nil
			}
		}
		for step := range 300 {
			store.now = store.now.Add(time.Duration(rng.IntN(90)) * time.Minute)
			shard := lake.ShardID(fmt.Sprintf("shardId-%012d", rng.IntN(3)))
			at, err := ledger.Position(t.Context(), shard)
			if err != nil {
				t.Fatal(err)
			}
			from, _ := at.Uint64()
			c := lake.Commit{Shard: shard, Span: spanOf(from, from+1+rng.Uint64N(3))}
			if rng.IntN(10) > 0 { // else nothing but duplicates
				c.Add = store.flush(t, shard, c.Span, fmt.Sprint(step), []string{"account", "payment"}[:1+rng.IntN(2)]...)
			}
			switch rng.IntN(4) {
			case 0: // killed
			case 1:
				sleeping = append(sleeping, late{c, store.now.Add(time.Duration(rng.IntN(60)) * time.Hour)})
			default:
				try(c)
			}
			sleeping = slices.DeleteFunc(sleeping, func(l late) bool {
				if l.at > store.now {
					return false
				}
				before := len(files(t, ledger))
				if try(l.commit); len(files(t, ledger)) > before {
					slept++
				}
				return true
			})
			swept += upkeep(t, ledger, store, rng)
		}
		there := store.keys(t, raw.Root)
		for key, is := range committed {
			if _, ok := slices.BinarySearch(there, key); is && !ok {
				t.Fatalf("seed %d: %s was committed and is gone", seed, key)
			}
		}
	}
	if swept < 100 || slept < 10 {
		t.Errorf("%d files were swept, %d late commits succeeded: too few to tell", swept, slept)
	}
}

// upkeep takes files into tables up to somewhere, forgets and sweeps.
func upkeep(t *testing.T, ledger *memory.Ledger, store *dated, rng *rand.Rand) int {
	t.Helper()
	if rng.IntN(3) == 0 {
		j, err := ledger.Journal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := ledger.MarkCurated(t.Context(), j.Positions()); err != nil {
			t.Fatal(err)
		}
	}
	curated, err := ledger.Curated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rested, err := arrivals.Rested(t.Context(), store, curated, store.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := arrivals.Forget(t.Context(), ledger, rested, store.now); err != nil {
		t.Fatal(err)
	}
	return sweep(t, ledger, store, false).Objects
}

// slow is a store that lists only some objects before the listing's time is up.
type slow struct {
	*dated
	left int
}

func (s *slow) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		for info, err := range s.dated.List(ctx, prefix) {
			if s.left--; s.left < 0 {
				<-ctx.Done()
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// ListAfter spares what lies before.
func (s *slow) ListAfter(ctx context.Context, prefix, after lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		for info, err := range s.dated.List(ctx, prefix) {
			if info.Key <= after {
				continue
			}
			if s.left--; s.left < 0 {
				<-ctx.Done()
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// TestASweepGoesOnWhereItEnded, with what it found so far deleted.
func TestASweepGoesOnWhereItEnded(t *testing.T) {
	ledger, store := memory.NewLedger(time.Hour), newDated()
	const shard = "shardId-000000000000"
	types := strings.Split("abcdefgh", "")
	store.flush(t, shard, spanOf(0, 7), "killed", types...)
	commit(t, ledger, shard, spanOf(0, 9), store.flush(t, shard, spanOf(0, 9), "one", types...))
	store.now = store.now.Add(4 * time.Hour)
	left, rounds := len(types), 0
	for finished := false; !finished; rounds++ {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		s, err := arrivals.Sweep(ctx, ledger, &slow{dated: store, left: 5}, store.now, false)
		cancel()
		if err != nil || rounds > 10 {
			t.Fatal(s, err)
		}
		left, finished = left-s.Objects, s.Finished
	}
	if left != 0 || rounds < 3 {
		t.Errorf("%d are left after %d calls", left, rounds)
	}
}
