package cloudsweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// run is one run: a script with a fault in it.
type run struct {
	a    *account
	gate *fault.Gate
	l    *lambdas
	m    mutant
}

// renew puts new Lambdas in the place of dead ones.
func (r *run) renew() error {
	if !r.gate.Dead() {
		return nil
	}
	r.gate = fault.NewGate(fault.Plan{})
	l, err := r.a.deploy(r.gate, r.m)
	r.l = l
	return err
}

// event is one of the script's, by number; copies are the same.
func (r *run) event(n int) lake.Event {
	types := []string{"account", "payment", "lesson"}
	created := r.a.begun.Add(-time.Duration(1+24*(n%2)) * time.Hour).Time().Unix()
	body := fmt.Appendf(nil, `{"event_uuid":"%d","event_name":"%s:%d","created_at":%d,"n":%d}`, n, types[n%3], n%2, created, n)
	if n%11 == 7 {
		body = fmt.Appendf(nil, `{"event_uuid":"%d", broken`, n)
	}
	return lake.Event{ID: lake.ID{0: byte(n * 37), 1: byte(n), 15: byte(n / 2)}, Source: lake.DefaultSource, Received: r.a.now, Body: body}
}

// post is a client that sends until it is answered.
func (r *run) post(ctx context.Context, numbers ...int) error {
	var events []lake.Event
	for _, n := range numbers {
		events = append(events, r.event(n))
	}
	for {
		err := fault.Stream(r.gate, r.a.stream).Append(ctx, events)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fault.ErrInjected) && !errors.Is(err, fault.ErrDead) {
			return err
		}
		if err := r.renew(); err != nil {
			return err
		}
	}
}

// pollAll is one round over the shards whose parents are done.
func (r *run) pollAll(ctx context.Context) (worked bool, err error) {
	shards, err := r.a.stream.Shards(ctx)
	if err != nil {
		return false, err
	}
	done := map[lake.ShardID]bool{}
	for _, sh := range shards {
		ready := true
		for _, p := range sh.Parents {
			ready = ready && done[p]
		}
		if !ready {
			continue
		}
		some, err := r.a.poll(ctx, sh, r.l.ingest.Invoke)
		if err != nil {
			return false, err
		}
		worked = worked || some
		done[sh.ID] = sh.Closed && r.a.checkpoints[sh.ID] == sh.Last
		if err := r.renew(); err != nil {
			return false, err
		}
	}
	return worked, nil
}

// curate hands notifications over, sometimes to two processes at once.
func (r *run) curate(ctx context.Context) error {
	if r.a.chance(0.3) {
		r.l.between = func(ctx context.Context) {
			// Its failure is the first process's luck.
			_, _ = r.l.rival.Invoke(ctx, []byte(`{"task":"curate"}`))
		}
	}
	if err := r.a.hand(ctx, &r.a.queue, r.l.curate.Invoke); err != nil {
		return err
	}
	if err := r.renew(); err != nil {
		return err
	}
	if err := r.a.hand(ctx, &r.a.failed, r.l.replay.Invoke); err != nil {
		return err
	}
	return r.renew()
}

// task invokes a function by its schedule or by hand until it succeeds.
func (r *run) task(ctx context.Context, invoke func() func(context.Context, []byte) ([]byte, error), in string) error {
	var err error
	for range 20 {
		if _, err = invoke()(ctx, []byte(in)); err == nil {
			return nil
		}
		if err := r.renew(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", in, err)
}

func (r *run) upkeep(ctx context.Context) error {
	return r.task(ctx, func() func(context.Context, []byte) ([]byte, error) { return r.l.curate.Invoke }, `{"task":"upkeep"}`)
}

func (r *run) again(ctx context.Context, in string) error {
	return r.task(ctx, func() func(context.Context, []byte) ([]byte, error) { return r.l.replay.Invoke }, in)
}

// round lets every part work once.
func (r *run) round(ctx context.Context) (worked bool, err error) {
	if worked, err = r.pollAll(ctx); err != nil {
		return false, err
	}
	if r.a.chance(0.6) {
		if err := r.a.deliver(ctx); err != nil {
			return false, err
		}
	}
	return worked, r.curate(ctx)
}

// script is what happens in every run.
func (r *run) script(ctx context.Context) error {
	n := 0
	for step := range 8 {
		numbers := []int{n, n + 1, n + 2, n + 3}
		n += 4
		if step > 0 {
			numbers = append(numbers, r.a.rng.IntN(n)) // a copy of something earlier
		}
		if err := r.post(ctx, numbers...); err != nil {
			return err
		}
		if _, err := r.round(ctx); err != nil {
			return err
		}
		r.a.now = r.a.now.Add(2 * time.Minute)
		switch step {
		case 2:
			if err := r.a.stream.Split("shard-000"); err != nil {
				return err
			}
		case 4:
			if err := r.again(ctx, `{"target":"rebuild","force":true}`); err != nil {
				return err
			}
		case 5:
			if err := r.again(ctx, `{"target":"stream","types":["other"]}`); err != nil {
				return err
			}
			// A half of what was split, and the shard that never was.
			if err := r.a.stream.Merge("shard-001", "shard-003"); err != nil {
				return err
			}
		}
	}
	// Claims live longer than anything waits in the stream: else a batch that comes
	// again could hold two owners of one event, of which the books know one.
	if err := r.caughtUp(ctx); err != nil {
		return err
	}
	r.a.now = r.a.now.Add(2 * claimTTL) // claims are forgotten; copies come all the same
	if err := r.post(ctx, 0, 1, 2, 5, n); err != nil {
		return err
	}
	return r.settle(ctx)
}

// caughtUp goes on until everything in the stream is settled, also what was given
// up.
func (r *run) caughtUp(ctx context.Context) error {
	for {
		worked, err := r.pollAll(ctx)
		if err != nil {
			return err
		}
		if !worked {
			return r.again(ctx, `{"target":"drain"}`)
		}
	}
}

// settle goes on until nothing moves.
func (r *run) settle(ctx context.Context) error {
	for idle := 0; idle < 4; {
		worked, err := r.round(ctx)
		if err != nil {
			return err
		}
		if idle++; worked || len(r.a.queue)+len(r.a.failed)+len(r.a.buffered) > 0 {
			idle = 0
		}
	}
	if err := r.again(ctx, `{"target":"drain"}`); err != nil {
		return err
	}
	if err := r.a.deliver(ctx); err != nil {
		return err
	}
	return r.upkeep(ctx)
}

// check: every valid event that the stream ever held is one row, and the books
// balance.
func (r *run) check(ctx context.Context) error {
	want := map[lake.ID]bool{}
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		return err
	}
	shards, err := r.a.stream.Shards(ctx)
	if err != nil {
		return err
	}
	records := int64(0)
	for _, sh := range shards {
		if sh.Last.IsZero() {
			return fmt.Errorf("%s never held a record: the stream was split and merged for nothing", sh.ID)
		}
		var b lake.Batch
		for after := (lake.Position{}); ; {
			if err := r.a.stream.Read(ctx, sh.ID, after, 1<<20, &b); err != nil && !errors.Is(err, lake.ErrEnded) {
				return err
			}
			if len(b.Records) == 0 {
				break
			}
			for _, rec := range b.Records {
				var row transform.Row
				records++
				if tr.Scanner().Scan(rec.Source, rec.Body, rec.Received, &row) == nil {
					want[row.ID] = true
				}
				after = rec.Position
			}
		}
	}
	got := map[lake.ID]int{}
	names, err := r.a.catalog.Tables(ctx)
	if err != nil {
		return err
	}
	if len(names) != 3 || !slices.Contains(names, lake.OtherName) {
		return fmt.Errorf("tables %v, want one for each of two types and one for all others", names)
	}
	for _, name := range names {
		t, err := r.a.catalog.Table(ctx, name)
		if err != nil {
			return err
		}
		for _, f := range t.Files {
			for row, err := range curate.Rows(ctx, r.a.store, f) {
				if err != nil {
					return err
				}
				got[row.ID]++
			}
		}
	}
	for id := range want {
		if got[id] != 1 {
			return fmt.Errorf("event %s is %d times in the tables", id, got[id])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d events in the tables, %d were sent", len(got), len(want))
	}
	return r.balance(ctx, records)
}

// balance is lambda-audit over the hours of the run.
func (r *run) balance(ctx context.Context, records int64) error {
	h := audit.New(audit.Config{Receipts: r.a.receipts, Stream: r.a.stream, Ledger: r.a.ledger, Store: r.a.store, Catalog: r.a.catalog,
		Lines: raw.NewReader(r.a.store, nil)})
	to := r.a.now.Hour().Add(time.Hour)
	out, err := h.Invoke(ctx, fmt.Appendf(nil, `{"stream":true,"from":%q,"to":%q}`, to.Add(-4*time.Hour), to))
	if err != nil {
		return err
	}
	var report audit.Report
	if err := json.Unmarshal(out, &report); err != nil {
		return err
	}
	var total int64
	for _, row := range report.Rows {
		total += row.Total()
	}
	if report.Gap != 0 || report.Doubled != 0 || len(report.Problems) > 0 || report.InFlight != 0 || total != records || report.Streamed != records {
		return fmt.Errorf("the audit finds %+v; the stream has %d records", report, records)
	}
	return nil
}

func play(ctx context.Context, seed uint64, plan fault.Plan, m mutant) (fired string, calls int, err error) {
	a, err := newAccount(seed)
	if err != nil {
		return "", 0, err
	}
	gate := fault.NewGate(plan)
	r := &run{a: a, gate: gate, m: m}
	if r.l, err = a.deploy(gate, m); err != nil {
		return "", 0, err
	}
	if err = r.script(ctx); err == nil {
		err = r.check(ctx)
	}
	return gate.Fired(), gate.Calls(), err
}

// seeds of the sweep; each cuts batches, repeats, losses and rivals anew.
const seeds = 3

// sweep plays every plan and returns how many runs failed; report is told of
// each.
func sweep(t *testing.T, m mutant, every int, report func(seed uint64, p fault.Plan, err error)) (runs, unfired int64) {
	t.Helper()
	type task struct {
		seed uint64
		plan fault.Plan
	}
	var tasks []task
	for seed := range uint64(seeds) {
		_, calls, err := play(t.Context(), seed, fault.Plan{}, m)
		if err != nil {
			report(seed, fault.Plan{}, err)
		}
		for call := 1 + int(seed)%every; call <= calls; call += every {
			for _, side := range []fault.Side{fault.Before, fault.After} {
				for _, crash := range []bool{false, true} {
					tasks = append(tasks, task{seed, fault.Plan{Call: call, Side: side, Crash: crash}})
				}
			}
		}
	}
	var next, done, missed atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(tasks)); i = next.Add(1) - 1 {
				k := tasks[i]
				fired, calls, err := play(t.Context(), k.seed, k.plan, m)
				for try := 0; fired == "" && err == nil && try < 3; try++ { // this run had fewer calls
					k.plan.Call = k.plan.Call%calls + 1
					fired, calls, err = play(t.Context(), k.seed, k.plan, m)
				}
				done.Add(1)
				if fired == "" {
					missed.Add(1)
				}
				if err != nil {
					report(k.seed, k.plan, fmt.Errorf("%s: %w", fired, err))
				}
			}
		})
	}
	wait.Wait()
	return done.Load(), missed.Load()
}

// TestSweep: a fault at every call that the Lambdas make, before and after its
// effect, as an error and as the end of the process.
func TestSweep(t *testing.T) {
	every := seeds // each seed strikes other calls; together all
	if testing.Short() {
		every = 29
	}
	runs, unfired := sweep(t, nil, every, func(seed uint64, p fault.Plan, err error) { t.Errorf("seed %d, %s: %v", seed, p, err) })
	t.Logf("%d runs", runs)
	if unfired > 0 {
		t.Errorf("%d of %d faults did not fire", unfired, runs)
	}
	if least := int64(4000 / every); runs < least {
		t.Errorf("only %d runs", runs)
	}
}

// TestSweepCatchesClaimsWithoutOwner: ids that are marked as seen lose events
// when a batch comes again.
func TestSweepCatchesClaimsWithoutOwner(t *testing.T) {
	var failed atomic.Int64
	runs, _ := sweep(t, func(a *account, l fault.FullLedger) fault.FullLedger { return &seenLedger{l, map[lake.ID]bool{}} }, 29,
		func(uint64, fault.Plan, error) { failed.Add(1) })
	if failed.Load() == 0 {
		t.Errorf("none of %d runs lost an event although claims have no owner", runs)
	}
	t.Logf("%d failures in %d runs, as it must be", failed.Load(), runs)
}

// TestSweepCatchesDeliveryThatIsNotLookedAt: a batch that is settled before all
// of it is delivered loses what was not, as a commit before its files does.
func TestSweepCatchesDeliveryThatIsNotLookedAt(t *testing.T) {
	var failed atomic.Int64
	runs, _ := sweep(t, func(a *account, l fault.FullLedger) fault.FullLedger { a.careless = true; return l }, 29,
		func(uint64, fault.Plan, error) { failed.Add(1) })
	if failed.Load() == 0 {
		t.Errorf("none of %d runs lost an event although nobody looks at what was delivered", runs)
	}
	t.Logf("%d failures in %d runs, as it must be", failed.Load(), runs)
}

type seenLedger struct {
	fault.FullLedger
	seen map[lake.ID]bool
}

func (s *seenLedger) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	if err := s.FullLedger.Claim(ctx, shard, claims, out); err != nil {
		return err
	}
	for i, c := range claims {
		if s.seen[c.ID] && out[i] == lake.Owned {
			out[i] = lake.Taken
		}
		s.seen[c.ID] = true
	}
	return nil
}
