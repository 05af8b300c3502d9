package sweep

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/transform"
)

// event makes a line; the time is days after the start of the run.
func event(id, name string, day int) string {
	return fmt.Sprintf(`{"event_uuid":%q,"event_name":%q,"created_at":%d,"n":%d,"pad":%q}`,
		id, name, start.Time().Unix()+int64(day)*86400, len(id), strings.Repeat("x", 20))
}

// script is what the client sends: unique events, copies inside a request and
// across requests, broken ones, one id with two bodies, more names than caps.
func script() []post {
	return []post{
		{body: strings.Join([]string{
			event("a1", "account:open", 0), event("a2", "account:close", 0), event("l1", "lesson:start", 0),
			event("a1", "account:open", 0), `{"broken`, event("l2", "lesson:start", -1),
		}, "\n")},
		{body: strings.Join([]string{
			event("a2", "account:close", 0), event("p1", "payment:made", 0), `{"event_uuid":"x"}`,
			event("l1", "lesson:other-body", 0), event("q1", "quiz:done", 0), event("old", "account:open", -400),
		}, "\n")},
		{body: strings.Join([]string{
			event("a3", "account:third", 0), event("p1", "payment:made", 0), event("a1", "account:open", 0),
			event("s1", "session:start", 0), event("l3", "lesson:stop", 0),
		}, "\n")},
	}
}

// valid are the events that must end up in tables.
func valid() map[lake.ID]bool {
	t, err := transform.New(transform.DefaultMapping())
	if err != nil {
		panic(err)
	}
	s, want := t.Scanner(), map[lake.ID]bool{}
	for _, p := range script() {
		for line := range strings.SplitSeq(p.body, "\n") {
			var row transform.Row
			if s.Scan(lake.DefaultSource, []byte(line), start, &row) == nil {
				want[row.ID] = true
			}
		}
	}
	return want
}

// step is one thing that the process does; it is tried again after an error,
// as the loops of the real process do.
type step struct {
	name string
	do   func(context.Context, *life) error
}

func steps() []step {
	post := func(n int) step {
		return step{fmt.Sprintf("post %d", n), func(_ context.Context, l *life) error { return l.send(n) }}
	}
	ingest := step{"ingest", func(ctx context.Context, l *life) error { return l.ingest(ctx) }}
	curate := step{"curate", func(ctx context.Context, l *life) error { return l.curate(ctx) }}
	return []step{
		post(1), ingest, curate, post(2), ingest, post(3), ingest, curate,
		{"merge", func(ctx context.Context, l *life) error { return l.merge(ctx) }},
		{"compact", func(ctx context.Context, l *life) error { return l.compact(ctx) }},
		{"republish", func(ctx context.Context, l *life) error { return l.republish(ctx) }},
		{"retry", func(ctx context.Context, l *life) error { return l.retry(ctx) }},
		ingest,
		{"rebuild", func(ctx context.Context, l *life) error { return l.rebuild(ctx) }},
		curate,
	}
}

// plan is one faulted run.
type plan struct {
	seed   uint64
	shards int
	port   fault.Plan    // a fault at a port call ...
	disk   crashfs.Fault // ... or at an operation of the file system
	kill   bool          // the process dies, not the machine: nothing written is lost
}

func (p plan) String() string {
	return fmt.Sprintf("seed %d, %d shards, port %v, disk %+v, kill %v", p.seed, p.shards, p.port, p.disk, p.kill)
}

// maxTries bounds how often a step is tried in one life.
const maxTries = 4

// outcome is what a run showed about itself.
type outcome struct {
	fired bool
	calls int // port calls without a fault
	ops   int // file system operations without a fault
}

// runPlan plays the script with one fault and checks the promise.
func runPlan(ctx context.Context, p plan, m mutant) (out outcome, err error) {
	w := newWorld(p.seed, p.shards, m)
	w.posts = script()
	gate := fault.NewGate(p.port)
	if p.disk.N > 0 {
		w.fs.Inject(p.disk)
	}
	todo := steps()
	first := w.fs
	l, err := w.live(ctx, gate)
	for lives := 1; ; lives++ {
		if err == nil {
			todo, err = l.play(ctx, todo)
		}
		if lives == 1 {
			out = outcome{fired: gate.Fired() != "" || first.Fired() > 0, calls: gate.Calls(), ops: first.Ops()}
		}
		if err == nil {
			break
		}
		if lives > 2 {
			return out, fmt.Errorf("life %d, which has no fault: %w", lives, err)
		}
		if l != nil {
			l.close()
		}
		if p.kill {
			w.fs = w.fs.Kill()
		} else {
			w.fs = w.fs.Crash()
		}
		l, err = w.live(ctx, fault.NewGate(fault.Plan{}))
	}
	defer l.close()
	gate.Disarm()
	// Whatever a fault left undone is done by the next turns of the loops.
	for _, s := range []step{todoAll(), {"ingest", func(ctx context.Context, l *life) error { return l.ingest(ctx) }},
		{"curate", func(ctx context.Context, l *life) error { return l.curate(ctx) }}} {
		if err := s.do(ctx, l); err != nil {
			return out, fmt.Errorf("last %s: %w", s.name, err)
		}
	}
	return out, l.check(ctx, valid())
}

func todoAll() step {
	return step{"post", func(_ context.Context, l *life) error { return l.send(len(l.w.posts)) }}
}

// play does the steps and returns those that are left when the process died.
func (l *life) play(ctx context.Context, todo []step) ([]step, error) {
	for len(todo) > 0 {
		var err error
		for range maxTries {
			if err = todo[0].do(ctx, l); err == nil || l.gate.Dead() {
				break
			}
		}
		if err != nil {
			return todo, fmt.Errorf("%s: %w", todo[0].name, err)
		}
		todo = todo[1:]
	}
	return nil, nil
}

// count runs the script without a fault.
func count(t *testing.T, seed uint64, shards int) outcome {
	t.Helper()
	out, err := runPlan(t.Context(), plan{seed: seed, shards: shards}, mutant{})
	if err != nil {
		t.Fatalf("without any fault: %v", err)
	}
	return out
}

// seeds is how many ways of cutting batches a sweep tries; LAKE_SWEEP_SEEDS
// makes it longer.
func seeds(t *testing.T, byDefault int) int {
	if s := os.Getenv("LAKE_SWEEP_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 1
	}
	return byDefault
}

// sweep runs the plans on all cores and reports those that failed.
func sweep(t *testing.T, plans []plan, m mutant) (failed int) {
	t.Helper()
	var next, fired, bad atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(plans) || t.Context().Err() != nil {
					return
				}
				out, err := runPlan(t.Context(), plans[i], m)
				if out.fired {
					fired.Add(1)
				}
				if err != nil {
					if n := bad.Add(1); m.ledger == nil && m.store == nil && n <= 5 {
						t.Errorf("%v: %v", plans[i], err)
					}
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d runs, %d faults fired, %d failed", len(plans), fired.Load(), bad.Load())
	if int(fired.Load()) != len(plans) {
		t.Errorf("%d of %d planned faults did not fire: the sweep has not seen what it claims", len(plans)-int(fired.Load()), len(plans))
	}
	return int(bad.Load())
}

// portPlans plans a fault at every port call, before and after its effect, as
// an error and as a crash of the machine or the process.
func portPlans(t *testing.T, seeds int) (plans []plan) {
	for seed := range seeds {
		shards := 1 + seed%2
		n := count(t, uint64(seed), shards).calls
		for call := 1; call <= n; call++ {
			for _, side := range []fault.Side{fault.Before, fault.After} {
				for mode := range 3 {
					plans = append(plans, plan{
						seed: uint64(seed), shards: shards, kill: mode == 2,
						port: fault.Plan{Call: call, Side: side, Crash: mode > 0},
					})
				}
			}
		}
	}
	return plans
}

func TestNothingIsLostOrDoubledWhereverAPortCallFails(t *testing.T) {
	sweep(t, portPlans(t, seeds(t, 1)), mutant{})
}

func TestNothingIsLostOrDoubledWhereverTheDiskStops(t *testing.T) {
	var plans []plan
	for seed := range seeds(t, 1) {
		shards := 1 + seed%2
		n := count(t, uint64(seed), shards).ops
		for op := 1; op <= n; op++ {
			for _, after := range []bool{false, true} {
				for _, kill := range []bool{false, true} {
					plans = append(plans, plan{
						seed: uint64(seed), shards: shards, kill: kill,
						disk: crashfs.Fault{N: op, After: after, Halt: true},
					})
				}
			}
		}
	}
	sweep(t, plans, mutant{})
}
