package stream_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/streamtest"
	"github.com/eventlake/lake/local/stream"
)

// life is a client and a consumer of a stream on a machine that fails. They
// know what they were told; check holds the stream to it.
type life struct {
	t      *testing.T
	fsys   *crashfs.FS
	s      *stream.Stream
	reboot func(*crashfs.FS) *crashfs.FS
	rng    *rand.Rand

	sent  map[int]bool                   // numbers of events ever sent
	acked map[int]bool                   // and acknowledged
	fails int                            // calls that failed
	read  map[lake.ShardID][]lake.Record // what the consumer has seen, in order
	saved map[lake.ShardID]lake.Position // what it has saved, for sure
	tried map[lake.ShardID]lake.Position // what it last tried to save
	gone  map[lake.ShardID]lake.Position // how far Trim was allowed to go
}

const crashDir = "/data/stream"

func crashOptions() stream.Options {
	return stream.Options{Shards: 2, SegmentBytes: 1500, Retention: -1, CacheBytes: 1500, Logger: slog.New(slog.DiscardHandler)}
}

func newLife(t *testing.T, seed uint64, reboot func(*crashfs.FS) *crashfs.FS) *life {
	return &life{
		t: t, fsys: crashfs.New(seed), reboot: reboot, rng: rand.New(rand.NewPCG(seed, 5)),
		sent: map[int]bool{}, acked: map[int]bool{}, read: map[lake.ShardID][]lake.Record{},
		saved: map[lake.ShardID]lake.Position{}, tried: map[lake.ShardID]lake.Position{}, gone: map[lake.ShardID]lake.Position{},
	}
}

// up opens the stream, starting the machine again as often as it takes.
func (l *life) up() {
	for try := 0; l.s == nil; try++ {
		s, err := stream.Open(l.t.Context(), l.fsys, crashDir, crashOptions())
		if err == nil {
			l.s = s
			l.consume()
			return
		}
		if errors.Is(err, lake.ErrCorrupt) || try > 3 {
			l.t.Fatalf("open: %v", err)
		}
		if !errors.Is(err, lake.ErrFull) {
			l.fsys = l.reboot(l.fsys)
		}
	}
}

// down ends the process after an error that is not to be gone on from.
func (l *life) down() {
	l.glimpse()
	old := l.s
	l.s = nil
	l.fsys = l.reboot(l.fsys)
	_ = old.Close() // its files are gone; only the goroutines must end
}

// glimpse reads on while the machine goes down: what can be read must last too.
func (l *life) glimpse() {
	for n := range crashOptions().Shards {
		id := lake.ShardID(fmt.Sprintf("shard-%03d", n))
		after := lake.Position{}
		if n := len(l.read[id]); n > 0 {
			after = l.read[id][n-1].Position
		}
		var b lake.Batch
		if err := l.s.Read(l.t.Context(), id, after, 1<<20, &b); err == nil {
			l.read[id] = append(l.read[id], b.Records...)
		}
	}
}

// do runs one step until it succeeds.
func (l *life) do(what string, step func() error) {
	for try := 0; ; try++ {
		l.up()
		err := step()
		if err == nil {
			return
		}
		l.fails++
		if try > 3 || errors.Is(err, lake.ErrCorrupt) || errors.Is(err, lake.ErrTrimmed) {
			l.t.Fatalf("%s: %v", what, err)
		}
		if !errors.Is(err, lake.ErrFull) {
			l.down()
		}
	}
}

// send appends the events first to first+n-1 in one call.
func (l *life) send(first, n, size int) {
	events := streamtest.Events(0, first, n, size)
	for i := range events {
		l.sent[first+i] = true
	}
	l.do("append", func() error { return l.s.Append(l.t.Context(), events) })
	for i := range events {
		l.acked[first+i] = true
	}
}

// consume reads on from what was read.
func (l *life) consume() {
	list, err := l.s.Shards(l.t.Context())
	must(l.t, err)
	for _, sh := range list {
		after := lake.Position{}
		if n := len(l.read[sh.ID]); n > 0 {
			after = l.read[sh.ID][n-1].Position
		}
		if after.After(sh.Last) {
			l.t.Fatalf("%s: position %s was read, but the log ends at %s", sh.ID, after, sh.Last)
		}
		l.read[sh.ID] = append(l.read[sh.ID], l.readShard(sh.ID, after)...)
	}
}

func (l *life) readShard(id lake.ShardID, after lake.Position) (out []lake.Record) {
	for {
		var b lake.Batch
		if err := l.s.Read(l.t.Context(), id, after, 1+l.rng.IntN(2000), &b); err != nil {
			l.t.Fatalf("read %s after %s: %v", id, after, err)
		}
		if len(b.Records) == 0 {
			return out
		}
		for _, r := range b.Records {
			n, _ := after.Uint64()
			if r.Position != lake.Pos(n+1) {
				l.t.Fatalf("%s: position %s comes after %s", id, r.Position, after)
			}
			after = r.Position
		}
		out = append(out, b.Records...)
	}
}

// save stores the consumer's positions and lets Trim go up to them.
func (l *life) save() {
	l.do("save", func() error {
		l.consume()
		at := map[lake.ShardID]lake.Position{}
		for id, rs := range l.read {
			if len(rs) > 0 {
				at[id] = rs[len(rs)-1].Position
			}
		}
		l.tried = at
		c, err := l.s.Consumer("reader")
		if err == nil {
			err = c.Save(l.t.Context(), at)
		}
		if err == nil {
			l.saved = at
		}
		return err
	})
	l.do("trim", func() error {
		l.gone = l.saved
		_, err := l.s.Trim(l.t.Context(), l.saved)
		return err
	})
}

// check compares the stream with what client and consumer know.
func (l *life) check() {
	l.up()
	t := l.t
	c, err := l.s.Consumer("reader")
	must(t, err)
	at, err := c.Load(t.Context())
	if err != nil && (len(l.saved) > 0 || !errors.Is(err, lake.ErrNotFound)) {
		t.Fatalf("load: %v", err)
	}
	counts := map[int]int{}
	list, err := l.s.Shards(t.Context())
	must(t, err)
	for _, sh := range list {
		if p := at[sh.ID]; p != l.saved[sh.ID] && p != l.tried[sh.ID] {
			t.Errorf("%s: the consumer is at %s, saved %s", sh.ID, p, l.saved[sh.ID])
		}
		if sh.Trimmed.After(l.gone[sh.ID]) {
			t.Errorf("%s: trimmed to %s, allowed %s", sh.ID, sh.Trimmed, l.gone[sh.ID])
		}
		before := l.read[sh.ID]
		trimmed, _ := sh.Trimmed.Uint64()
		now := append(append([]lake.Record(nil), before[:trimmed]...), l.readShard(sh.ID, sh.Trimmed)...)
		if len(now) < len(before) {
			t.Fatalf("%s: %d records, but %d were read before", sh.ID, len(now), len(before))
		}
		var last lake.Instant
		newest := -1
		for i, r := range now {
			if i < len(before) && (r.Position != before[i].Position || r.ID != before[i].ID || string(r.Body) != string(before[i].Body) || r.Received != before[i].Received) {
				t.Fatalf("%s: position %s changed after it was read", sh.ID, r.Position)
			}
			var w, n int
			if _, err := fmt.Sscanf(string(r.Body), `{"w":%d,"n":%d,`, &w, &n); err != nil || !l.sent[n] {
				t.Fatalf("%s: garbled body %.80q", sh.ID, r.Body)
			}
			if e := streamtest.Event(0, n, len(r.Body)); e.ID != r.ID || string(e.Body) != string(r.Body) || e.Source != r.Source {
				t.Fatalf("%s: event %d is garbled", sh.ID, n)
			}
			if r.Received < last {
				t.Fatalf("%s: log time goes back at %s", sh.ID, r.Position)
			}
			last = r.Received
			if counts[n]++; counts[n] == 1 {
				if n < newest {
					t.Fatalf("%s: event %d comes first after %d", sh.ID, n, newest)
				}
				newest = n
			}
		}
	}
	for n := range l.acked {
		if counts[n] == 0 {
			t.Fatalf("event %d was acknowledged and is lost", n)
		}
	}
	for n, c := range counts {
		if c > 1+l.fails {
			t.Fatalf("event %d is there %d times after %d failures", n, c, l.fails)
		}
	}
	must(t, l.s.Close())
	_, err = stream.Check(t.Context(), l.fsys, crashDir, func(p stream.Problem) { t.Errorf("check: %s", p) })
	must(t, err)
}

// story is one life: appends of different sizes over several segments, reading,
// saving, trimming, an orderly restart.
func story(l *life) {
	l.send(0, 5, 90)
	l.send(5, 1, 40)
	l.send(6, 12, 200)
	l.save()
	l.send(18, 8, 150)
	l.up()
	l.consume()
	l.do("close", func() error {
		err := l.s.Close()
		if err == nil {
			l.s = nil
		}
		return err
	})
	l.send(26, 10, 170)
	l.save()
	l.send(36, 3, 700)
}

func TestCrashSweep(t *testing.T) {
	crash := (*crashfs.FS).Crash
	kill := (*crashfs.FS).Kill
	// What a killed process leaves must still hold when the power goes later.
	killThenCrash := func() func(*crashfs.FS) *crashfs.FS {
		n := 0
		return func(f *crashfs.FS) *crashfs.FS {
			if n++; n == 1 {
				return f.Kill()
			}
			return f.Crash()
		}
	}
	tests := []struct {
		name   string
		fault  crashfs.Fault
		reboot func() func(*crashfs.FS) *crashfs.FS
	}{
		{"power cut before", crashfs.Fault{Halt: true}, func() func(*crashfs.FS) *crashfs.FS { return crash }},
		{"power cut after", crashfs.Fault{Halt: true, After: true}, func() func(*crashfs.FS) *crashfs.FS { return crash }},
		{"power cut in a write", crashfs.Fault{Halt: true, Short: 0.6}, func() func(*crashfs.FS) *crashfs.FS { return crash }},
		{"kill before", crashfs.Fault{Halt: true}, func() func(*crashfs.FS) *crashfs.FS { return kill }},
		{"kill after", crashfs.Fault{Halt: true, After: true}, func() func(*crashfs.FS) *crashfs.FS { return kill }},
		{"error before, then power cut", crashfs.Fault{}, func() func(*crashfs.FS) *crashfs.FS { return crash }},
		{"error before, then kill", crashfs.Fault{}, func() func(*crashfs.FS) *crashfs.FS { return kill }},
		{"error before, then kill, then power cut", crashfs.Fault{}, killThenCrash},
		{"error after, then power cut", crashfs.Fault{After: true}, func() func(*crashfs.FS) *crashfs.FS { return crash }},
		{"error after, then kill", crashfs.Fault{After: true}, func() func(*crashfs.FS) *crashfs.FS { return kill }},
		{"disk full", crashfs.Fault{Err: syscall.ENOSPC}, func() func(*crashfs.FS) *crashfs.FS { return crash }},
		{"disk full in a write", crashfs.Fault{Err: syscall.ENOSPC, Short: 0.7}, func() func(*crashfs.FS) *crashfs.FS { return crash }},
		{"disk full after", crashfs.Fault{Err: syscall.ENOSPC, After: true}, func() func(*crashfs.FS) *crashfs.FS { return kill }},
	}
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runs := 0
			for seed := range seeds {
				for n := 1; ; n++ {
					fired := sweepOne(t, tt.fault, seed, n, tt.reboot())
					runs++
					if !fired {
						if n < 60 {
							t.Fatalf("only %d operations", n)
						}
						break
					}
				}
			}
			t.Logf("%d runs", runs)
		})
	}
}

// sweepOne lives one life with a fault at the n-th operation and reports
// whether it fired.
func sweepOne(t *testing.T, fault crashfs.Fault, seed uint64, n int, reboot func(*crashfs.FS) *crashfs.FS) bool {
	l := newLife(t, seed*1000+uint64(n), reboot)
	fault.N = n
	first := l.fsys
	first.Inject(fault)
	var at crashfs.Op
	first.Trace(func(op crashfs.Op) {
		if op.N == n {
			at = op
		}
	})
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, fault at %+v, %d fails", seed, at, l.fails)
		}
	}()
	story(l)
	// A last power cut: whatever was read or acknowledged is durable.
	l.up()
	old := l.s
	l.s, l.fsys = nil, l.fsys.Crash()
	_ = old.Close() // the machine is gone
	l.check()
	return first.Fired() > 0
}

// TestTwoCrashes cuts the power at random operations, also while recovering.
func TestTwoCrashes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		reboots := 0
		l := newLife(t, rng.Uint64(), func(f *crashfs.FS) *crashfs.FS {
			next := f.Crash()
			if reboots++; reboots < 4 && rng.IntN(2) == 0 {
				next.Inject(crashfs.Fault{N: 1 + rng.IntN(25), Halt: true, After: rng.IntN(2) == 0})
			}
			return next
		})
		l.fsys.Inject(crashfs.Fault{N: 1 + rng.IntN(120), Halt: rng.IntN(2) == 0, After: rng.IntN(2) == 0})
		story(l)
		l.check()
		if t.Failed() {
			return
		}
	}
}
