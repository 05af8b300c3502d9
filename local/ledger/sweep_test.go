package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/local/ledger"
)

// The sweep runs one history of records through the ledger and through the
// model (memory.Ledger), which must give the same answers whatever happens to
// the ledger's disk.
const (
	sweepTTL    = 10 * time.Hour
	sweepShards = 3
	// Records are 45 minutes apart: the history lasts beyond a claim's lifetime
	// and the day that the ledger keeps it longer.
	sweepRecords = 64
)

// history is the records of each shard: ids from a small pool, so that there
// are duplicates, conflicts and claims that expire.
type history map[lake.ShardID][]lake.Claim

func newHistory(seed uint64) history {
	rng := rand.New(rand.NewPCG(seed, 1))
	h := history{}
	for s := range sweepShards {
		claims := make([]lake.Claim, sweepRecords)
		for i := range claims {
			var id lake.ID
			n := rng.IntN(40)
			id[0], id[7], id[15] = byte(n*37), byte(n), byte(n%3)
			fingerprint := uint32(1)
			if rng.IntN(10) == 0 {
				fingerprint = 2
			}
			claims[i] = lake.Claim{
				ID: id, Position: lake.Pos(uint64(i + 1)), Fingerprint: fingerprint,
				Time: lake.Instant(0).Add(time.Duration(i) * 45 * time.Minute),
			}
		}
		h[lake.ShardID(fmt.Sprintf("shard-%d", s))] = claims
	}
	return h
}

// world is the ledger under test beside its model.
type world struct {
	t       *testing.T
	what    string // the fault, for messages
	rng     *rand.Rand
	history history
	fsys    *crashfs.FS
	l       *ledger.Ledger
	model   *memory.Ledger
	asked   map[lake.ShardID]uint64 // claimed up to
	files   int
	seen    ledger.Stats // the most of some numbers
}

func newWorld(t *testing.T, what string, seed uint64, fsys *crashfs.FS) *world {
	return &world{
		t: t, what: what, rng: rand.New(rand.NewPCG(seed, 2)), history: newHistory(seed),
		fsys: fsys, model: memory.NewLedger(sweepTTL), asked: map[lake.ShardID]uint64{},
	}
}

func sweepOptions() ledger.Options {
	return ledger.Inline(ledger.Options{
		TTL: sweepTTL, HotBytes: 2 * 59 * 6, SegmentBytes: 6 << 10, MergeRate: -1,
		Clock: func() lake.Instant { return 1 },
	})
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s: %s", w.what, fmt.Sprintf(format, args...))
}

func (w *world) open() (err error) {
	w.l, err = ledger.Open(w.t.Context(), w.fsys, "data/ledger", sweepOptions())
	clear(w.asked)
	return err
}

func (w *world) position(s lake.ShardID) uint64 {
	w.t.Helper()
	p, err := w.model.Position(w.t.Context(), s)
	if err != nil {
		w.fatalf("%v", err)
	}
	return p.Seq[2]
}

// step does one thing that a worker, a merger or curate would do. An error is
// the ledger's: what it did then is not in the model.
func (w *world) step() error {
	shards := slices.Sorted(maps.Keys(w.history))
	s := shards[w.rng.IntN(len(shards))]
	for _, slow := range shards {
		// No shard lags by more than the day that the ledger allows for.
		if w.position(slow)+10 < w.position(s) {
			s = slow
		}
	}
	at := w.position(s)
	w.asked[s] = max(w.asked[s], at)
	switch w.rng.IntN(10) {
	case 0, 1, 2, 3:
		return w.claim(s, w.rng.IntN(6))
	case 4, 5, 6, 7:
		if w.asked[s] == at {
			return nil
		}
		return w.commit(s, at, at+1+w.rng.Uint64N(w.asked[s]-at))
	case 8:
		return w.mergeFiles(s)
	default:
		mark := map[lake.ShardID]lake.Position{s: lake.Pos(w.rng.Uint64N(at + 1))}
		if err := w.l.MarkCurated(w.t.Context(), mark); err != nil {
			return err
		}
		return w.model.MarkCurated(w.t.Context(), mark)
	}
}

// claim asks for some records again, and for n new ones.
func (w *world) claim(s lake.ShardID, n int) error {
	from := w.position(s)
	to := min(max(w.asked[s], from)+uint64(n), sweepRecords)
	if from > 0 && w.rng.IntN(4) == 0 {
		from -= min(from, 3) // a zombie asks for what is decided
	}
	claims := w.history[s][from:to]
	got, want := make([]lake.Outcome, len(claims)), make([]lake.Outcome, len(claims))
	if err := w.l.Claim(w.t.Context(), s, claims, got); err != nil {
		return err
	}
	if err := w.model.Claim(w.t.Context(), s, claims, want); err != nil {
		w.fatalf("model: %v", err)
	}
	if !slices.Equal(got, want) {
		for _, c := range claims {
			o, found, err := w.l.Lookup(w.t.Context(), c.ID)
			w.t.Logf("%s of %s: owner %+v %v %v", c.Position, c.ID, o, found, err)
		}
		w.fatalf("claims of %s from %d got %v, want %v", s, from, got, want)
	}
	w.asked[s] = to
	return nil
}

func (w *world) commit(s lake.ShardID, after, to uint64) error {
	w.files++
	span := lake.Span{After: lake.Pos(after), To: lake.Pos(to)}
	c := lake.Commit{
		Shard: s, Span: span,
		Add:   []lake.File{{Key: lake.Key(fmt.Sprintf("raw/%s/%d-%d", s, after, to)), Kind: lake.KindRaw, Shard: s, Span: span}},
		Books: []lake.Tally{{Book: lake.Book{Source: "s", Hour: w.history[s][to-1].Time.Hour()}, Unique: int64(to - after)}},
		Types: []lake.Name{{Type: fmt.Sprint(w.files % 7), Subtype: "x"}},
	}
	return w.both(c)
}

// mergeFiles replaces the two oldest files of a shard that are curated by one.
func (w *world) mergeFiles(s lake.ShardID) error {
	j, err := w.model.Journal(w.t.Context())
	if err != nil {
		return err
	}
	var two []lake.File
	for f := range j.Files("") {
		if f.Shard == s && len(two) < 2 && (len(two) == 0 || two[0].Span.To == f.Span.After) {
			two = append(two, f)
		}
	}
	if len(two) < 2 {
		return nil
	}
	one := two[0]
	one.Span.To = two[1].Span.To
	one.Key = lake.Key(fmt.Sprintf("raw/%s/m%s-%s", s, one.Span.After, one.Span.To))
	return w.both(lake.Commit{Shard: s, Add: []lake.File{one}, Remove: two})
}

// both commits to the ledger and then to the model. When the ledger fails in a
// way that leaves the outcome open, recover settles it with pending.
func (w *world) both(c lake.Commit) error {
	owned := w.owned(c)
	if err := w.l.Commit(w.t.Context(), c); err != nil {
		return &openCommit{c, owned, err}
	}
	st := w.l.Stats()
	w.seen.Runs, w.seen.ColdClaims = max(w.seen.Runs, st.Runs), max(w.seen.ColdClaims, st.ColdClaims)
	if err := w.model.Commit(w.t.Context(), c); err != nil {
		w.fatalf("model: %v", err)
	}
	return nil
}

// owned is the claims of the span that the model has granted.
func (w *world) owned(c lake.Commit) (out []lake.Claim) {
	if c.Span.Empty() {
		return nil
	}
	claims := w.history[c.Shard][c.Span.After.Seq[2]:c.Span.To.Seq[2]]
	got := make([]lake.Outcome, len(claims))
	if err := w.model.Claim(w.t.Context(), c.Shard, claims, got); err != nil {
		w.fatalf("model: %v", err)
	}
	for i, o := range got {
		if o == lake.Owned {
			out = append(out, claims[i])
		}
	}
	return out
}

// openCommit is a commit that failed.
type openCommit struct {
	commit lake.Commit
	owned  []lake.Claim
	err    error
}

func (e *openCommit) Error() string { return e.err.Error() }
func (e *openCommit) Unwrap() error { return e.err }

// settle finds out after a restart whether a failed commit happened, and tells
// the model.
func (w *world) settle(failed error) {
	var open *openCommit
	w.model.Crash()
	if !errors.As(failed, &open) {
		return
	}
	j, err := w.l.Journal(w.t.Context())
	if err != nil {
		w.fatalf("journal: %v", err)
	}
	if !slices.ContainsFunc(slices.Collect(j.Files("")), func(f lake.File) bool { return f.Key == open.commit.Add[0].Key }) {
		return
	}
	if errors.Is(failed, lake.ErrFull) || errors.Is(failed, lake.ErrStale) {
		w.fatalf("the commit failed with %v and happened", failed)
	}
	if err := w.model.Claim(w.t.Context(), open.commit.Shard, open.owned, make([]lake.Outcome, len(open.owned))); err != nil {
		w.fatalf("model: %v", err)
	}
	if err := w.model.Commit(w.t.Context(), open.commit); err != nil {
		w.fatalf("model: %v", err)
	}
}

// compare looks for any difference between the ledger and the model.
func (w *world) compare() {
	ctx := w.t.Context()
	got, err := w.l.Journal(ctx)
	if err != nil {
		w.fatalf("journal: %v", err)
	}
	want, err := w.model.Journal(ctx)
	if err != nil {
		w.fatalf("model: %v", err)
	}
	if !maps.Equal(got.Positions(), want.Positions()) {
		w.fatalf("positions %v, want %v", got.Positions(), want.Positions())
	}
	if a, b := slices.Collect(got.Files("")), slices.Collect(want.Files("")); !slices.Equal(a, b) {
		w.fatalf("files %v, want %v", a, b)
	}
	byBook := func(ts []lake.Tally) map[lake.Book]lake.Tally {
		m := map[lake.Book]lake.Tally{}
		for _, t := range ts {
			m[t.Book] = t
		}
		return m
	}
	if !maps.Equal(byBook(got.Books()), byBook(want.Books())) {
		w.fatalf("books %v, want %v", got.Books(), want.Books())
	}
	if !slices.Equal(got.Names(), want.Names()) {
		w.fatalf("names %v, want %v", got.Names(), want.Names())
	}
	marks, err := w.l.Curated(ctx)
	if err != nil {
		w.fatalf("curated: %v", err)
	}
	atMost, err := w.model.Curated(ctx)
	if err != nil {
		w.fatalf("model: %v", err)
	}
	for s, p := range marks {
		if p.After(atMost[s]) {
			w.fatalf("%s is marked to %s, but only %s was", s, p, atMost[s])
		}
	}
}

// run takes all records through, whatever happens.
func (w *world) run(restart func(*world)) {
	if err := w.open(); err != nil {
		w.failed(err, restart)
	}
	for i := 0; ; i++ {
		if i > 20_000 {
			w.fatalf("it does not come to an end")
		}
		done := true
		for s := range w.history {
			done = done && w.position(s) == sweepRecords
		}
		if done {
			break
		}
		if err := w.step(); err != nil && !errors.Is(err, lake.ErrFull) {
			w.failed(err, restart)
		}
	}
	w.compare()
	if err := w.l.Close(); err != nil {
		w.failed(err, restart)
	}
	if err := w.open(); err != nil {
		w.failed(err, restart)
	}
	w.compare()
	for s := range w.history {
		if err := w.claim(s, 0); err != nil {
			w.failed(err, restart)
		}
	}
	if err := w.l.Close(); err != nil && !errors.Is(err, crashfs.ErrDown) && !errors.Is(err, syscall.EIO) {
		w.fatalf("close: %v", err)
	}
}

// failed goes through restarts until the ledger opens.
func (w *world) failed(err error, restart func(*world)) {
	for tries := 0; ; tries++ {
		if tries > 3 {
			w.fatalf("it does not open again: %v", err)
		}
		restart(w)
		again := w.open()
		if again == nil {
			// It may have stopped itself right after opening.
			if _, again = w.l.Journal(w.t.Context()); again == nil {
				break
			}
		}
		if errors.Is(again, lake.ErrCorrupt) {
			w.fatalf("after %v: %v", err, again)
		}
	}
	w.settle(err)
	w.compare()
}

func crash(w *world) { w.fsys = w.fsys.Crash() }
func kill(w *world)  { w.fsys = w.fsys.Kill() }

// restart opens again on the same machine.
func restart(w *world) {
	if w.l != nil {
		if err := w.l.Close(); err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, lake.ErrClosed) {
			w.fatalf("close: %v", err)
		}
	}
}

func TestNoFaultAtAll(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, fmt.Sprintf("seed %d", seed), seed, crashfs.New(seed))
		w.run(crash)
		if w.seen.Runs < 2 || w.seen.ColdClaims < 10 {
			t.Fatalf("the history does not seal: %+v", w.seen)
		}
		if seed == 0 {
			t.Logf("%d operations, %d runs, %d cold claims", w.fsys.Ops(), w.seen.Runs, w.seen.ColdClaims)
		}
	}
}

// TestEveryOperationFails lets an operation on the disk fail once, in every
// way, and then a random one of the next life: every fifth operation, or as
// LAKE_SWEEP_STEP says.
func TestEveryOperationFails(t *testing.T) {
	kinds := []struct {
		name    string
		fault   crashfs.Fault
		restart func(*world)
	}{
		{"power cut before", crashfs.Fault{Halt: true}, crash},
		{"power cut in the middle", crashfs.Fault{Halt: true, Short: 0.6}, crash},
		{"power cut after", crashfs.Fault{Halt: true, After: true}, crash},
		{"kill before", crashfs.Fault{Halt: true}, kill},
		{"kill after", crashfs.Fault{Halt: true, After: true}, kill},
		{"error before", crashfs.Fault{}, restart},
		{"error in the middle", crashfs.Fault{Short: 0.5}, restart},
		{"error after", crashfs.Fault{After: true}, restart},
		{"error before, then power cut", crashfs.Fault{}, crash},
		{"error after, then power cut", crashfs.Fault{After: true}, crash},
		{"no space", crashfs.Fault{Err: syscall.ENOSPC, Short: 0.5}, crash},
	}
	runs, fired := 0, 0
	step := 5
	if s := os.Getenv("LAKE_SWEEP_STEP"); s != "" { // 1 is every operation
		if _, err := fmt.Sscan(s, &step); err != nil || step < 1 {
			t.Fatalf("LAKE_SWEEP_STEP=%q", s)
		}
	}
	for k, kind := range kinds {
		for n := 1 + k%step; ; n += step {
			seed := uint64(n % 7)
			fsys := crashfs.New(uint64(n))
			fault := kind.fault
			fault.N = n
			fsys.Inject(fault)
			w := newWorld(t, fmt.Sprintf("%s operation %d, seed %d", kind.name, n, seed), seed, fsys)
			second := rand.New(rand.NewPCG(uint64(n), 3)).IntN(60) + 1
			life, ops := 0, 0
			w.run(func(w *world) {
				life++
				if life == 1 {
					ops = fsys.Fired()
				}
				kind.restart(w)
				if life == 1 && kind.fault.Halt {
					w.fsys.Inject(crashfs.Fault{N: second, Halt: true, After: n%2 == 0})
				}
			})
			runs++
			if fsys.Fired() == 0 && ops == 0 {
				break // the history has fewer operations
			}
			fired++
		}
	}
	t.Logf("%d runs, %d with a fault", runs, fired)
}
