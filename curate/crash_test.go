package curate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/laketest/fault"
)

// story is what the sweep runs: events of several spans, shards, tables and
// days, late copies among them, and a compaction at the end.
func story(r *rig) (want map[lake.TableName][]string) {
	want = map[lake.TableName][]string{}
	old := start.Add(-72 * time.Hour)
	n := 0
	for span := range 4 {
		var list []event
		for i := range 6 {
			n++
			e := event{body: fmt.Sprintf(`{"n":%d,"f%d":"x"}`, n, span), kind: []string{"order", "refund"}[i%2],
				created: start.Add(time.Duration(n) * time.Minute), shard: lake.ShardID(fmt.Sprintf("shard-%03d", i%3))}
			if i == 5 {
				e.created = old
			}
			e.received = start.Add(time.Duration(n)*time.Minute + time.Second)
			list = append(list, e)
			want[lake.TableName(e.kind)] = append(want[lake.TableName(e.kind)], e.body)
		}
		if span > 1 { // the refund of day old comes again
			list = append(list, event{body: `{"n":6,"f0":"x"}`, kind: "refund", created: old, received: start.Add(time.Hour)})
		}
		r.span(list...)
	}
	return want
}

// play works through the backlog as a process would that dies at the gate.
func play(r *rig, g *fault.Gate, cycle int64) error {
	c := r.config()
	c.Store, c.Catalog = fault.Store(g, r.store), fault.Catalog(g, r.catalog)
	c.Backlog = fault.Ledger(g, r.ledger)
	c.Limits = curate.Limits{CycleBytes: cycle, SmallFiles: 2}
	cur, err := curate.New(c)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for range 3 { // an error is tried again; a dead process is not
		if _, err = cur.Once(ctx); err == nil {
			if _, err = cur.Compact(ctx, curate.CompactOptions{Full: true}); err == nil {
				return nil
			}
		}
		if g.Dead() {
			return err
		}
	}
	return err
}

func TestAFaultAtAnyCallLosesAndDoublesNothing(t *testing.T) {
	runs := 0
	for _, side := range []fault.Side{fault.Before, fault.After} {
		for _, crash := range []bool{false, true} {
			for call := 1; ; call++ {
				plan := fault.Plan{Call: call, Side: side, Crash: crash}
				r := newRig(t)
				want := story(r)
				g := fault.NewGate(plan)
				err := play(r, g, 1)
				if g.Fired() == "" {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				runs++
				if err != nil && !errors.Is(err, fault.ErrInjected) && !errors.Is(err, fault.ErrDead) {
					t.Fatalf("%s (%s): %v", plan, g.Fired(), err)
				}
				// The next process cuts its cycles differently.
				if err := play(r, fault.NewGate(fault.Plan{}), 1<<20); err != nil {
					t.Fatalf("%s (%s): restart: %v", plan, g.Fired(), err)
				}
				check(t, r, want, fmt.Sprintf("%s (%s)", plan, g.Fired()))
			}
		}
	}
	t.Logf("%d faulted runs", runs)
	if runs < 100 {
		t.Errorf("only %d faulted runs", runs)
	}
}

func check(t *testing.T, r *rig, want map[lake.TableName][]string, where string) {
	t.Helper()
	for name, list := range want {
		table := r.table(name)
		got := r.ids(table)
		if len(got) != len(list) {
			t.Fatalf("%s: table %s has %d events of %d", where, name, len(got), len(list))
		}
		for _, body := range list {
			if n := got[idOf(body).String()]; n != 1 {
				t.Fatalf("%s: table %s has %s %d times", where, name, body, n)
			}
		}
		late, err := curate.LateOf(table)
		if err != nil {
			t.Fatal(err)
		}
		if wantLate := map[lake.TableName]int64{"refund": 2}[name]; late.Total != wantLate {
			t.Fatalf("%s: table %s counts %d late duplicates of %d", where, name, late.Total, wantLate)
		}
	}
	left, err := r.ledger.Pending(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Fatalf("%s: %d files still pending", where, len(left))
	}
}

// stale makes every commit but each third one lose against another writer.
type stale struct {
	lake.Catalog
	n int
}

func (s *stale) Commit(ctx context.Context, c lake.TableCommit) (lake.Table, error) {
	if s.n++; s.n%3 != 0 {
		other := lake.TableCommit{Table: c.Table, Base: c.Base, Schema: c.Schema, Summary: map[string]string{"who": "another"}}
		if t, err := s.Table(ctx, c.Table); err == nil {
			other.Base, other.Schema, other.Summary = t.Snapshot, t.Schema, t.Summary
		}
		if _, err := s.Catalog.Commit(ctx, other); err != nil {
			return lake.Table{}, err
		}
	}
	return s.Catalog.Commit(ctx, c)
}

func TestAStaleCommitIsRedone(t *testing.T) {
	r := newRig(t)
	want := story(r)
	c := r.config()
	c.Catalog = &stale{Catalog: r.catalog}
	c.Limits = curate.Limits{CycleBytes: 1, SmallFiles: 2}
	cur, err := curate.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cur.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := cur.Compact(context.Background(), curate.CompactOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	check(t, r, want, "stale")
	keys := map[lake.Key]bool{}
	for name := range want {
		for _, f := range r.table(name).Files {
			keys[f.Key] = true
		}
	}
	if len(keys) != 3 {
		t.Errorf("%d files after a full compaction of 2 tables with 1 and 2 days", len(keys))
	}
}

func TestADamagedRawFileStopsItsTableOnly(t *testing.T) {
	r := newRig(t)
	r.span(event{body: `{"n":1}`}, event{body: `{"n":2}`, kind: "refund"})
	files, err := r.ledger.Pending(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Partition.Type == "refund" {
			if err := r.store.Delete(context.Background(), f.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	cur := r.curator()
	for range 2 {
		if _, err = cur.Once(context.Background()); !errors.Is(err, lake.ErrNotFound) {
			t.Fatalf("error %v", err)
		}
		r.span(event{body: `{"n":3}`})
	}
	if n := len(r.ids(r.table("order"))); n != 2 {
		t.Errorf("%d rows", n)
	}
	if mark, err := r.ledger.Curated(context.Background()); err != nil || !mark[shard].IsZero() {
		t.Errorf("mark %v, %v: the damaged file is no longer pending", mark, err)
	}
}
