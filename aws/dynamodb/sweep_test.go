package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/memory"
)

// gate strikes at one call, or at it and all that follow.
type gate struct {
	mu    sync.Mutex
	call  int
	when  awsfake.When
	err   func() error
	crash bool
	calls int
	fired bool
}

func strike(call int, when awsfake.When, err func() error) *gate {
	return &gate{call: call, when: when, err: err}
}

var errDead = errors.New("the process is dead")

func (g *gate) fault(_ string, when awsfake.When) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fired && g.crash {
		return errDead
	}
	if when == awsfake.Before {
		g.calls++
	}
	// A call that is refused has no effect to strike after: the next one has.
	if g.calls < g.call || when != g.when || g.fired {
		return nil
	}
	g.fired = true
	if g.crash {
		return errDead
	}
	return g.err()
}

func (g *gate) struck() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fired
}

// work is what a worker, a merger and a curator do with a ledger, resumable: it
// begins where the ledger is. It returns an error only when a call fails.
func work(ctx context.Context, l *dynamodb.Ledger) error {
	const steps = 12
	at, err := l.Position(ctx, shard)
	if err != nil {
		return err
	}
	n := uint64(1)
	for n <= steps && position(n-1) != at {
		n++
	}
	for ; n <= steps; n++ {
		out := make([]lake.Outcome, 2)
		claims := []lake.Claim{
			{ID: id(n), Position: position(n), Time: epoch, Fingerprint: 1},
			{ID: id(n % 4), Position: position(n), Time: epoch, Fingerprint: 1},
		}
		if err := l.Claim(ctx, shard, claims, out); err != nil {
			return err
		}
		want := lake.Taken // of an ID that an earlier record has
		if n < 4 {
			want = lake.Owned
		}
		if out[0] != lake.Owned || out[1] != want && n != 4 {
			return fmt.Errorf("step %d: outcomes %v", n, out)
		}
		if err := l.Commit(ctx, step(n)); err != nil {
			return err
		}
	}
	// Merge the first two files.
	merged := file(1)
	merged.Key, merged.Span.To, merged.Events = "raw/merged", position(2), 2
	err = l.Commit(ctx, lake.Commit{Shard: shard, Add: []lake.File{merged}, Remove: []lake.File{file(1), file(2)}})
	if err != nil && !errors.Is(err, lake.ErrStale) { // stale: an earlier life has merged them
		return err
	}
	return l.MarkCurated(ctx, map[lake.ShardID]lake.Position{shard: position(3)})
}

// outcome checks what must be true after work, whatever happened on the way.
func outcome(t *testing.T, l *dynamodb.Ledger) {
	t.Helper()
	j, err := l.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []lake.Key{}
	for n := uint64(3); n <= 12; n++ {
		want = append(want, file(n).Key)
	}
	want = append(want, "raw/merged")
	if got := keys(t, l); !slices.Equal(got, want) {
		t.Fatalf("files %v, want %v", got, want)
	}
	if b := j.Books(); len(b) != 1 || b[0].Unique != 12 {
		t.Fatalf("books %+v", b)
	}
	if len(j.Names()) != 5 || j.Positions()[shard] != position(12) {
		t.Fatalf("names %v, positions %v", j.Names(), j.Positions())
	}
	pending, err := l.Pending(t.Context())
	if err != nil || len(pending) != 9 || pending[0].Key != file(4).Key {
		t.Fatalf("pending %v, %v", pending, err)
	}
	// Every ID has the owner that it had from the beginning.
	for n := uint64(1); n <= 12; n++ {
		out := make([]lake.Outcome, 1)
		claim := []lake.Claim{{ID: id(n), Position: position(n), Time: epoch, Fingerprint: 1}}
		if err := l.Claim(t.Context(), shard, claim, out); err != nil || out[0] != lake.Owned {
			t.Fatalf("claim %d: %v, %v", n, out, err)
		}
		claim[0].Position = position(100)
		if err := l.Claim(t.Context(), shard, claim, out); err != nil || out[0] != lake.Taken {
			t.Fatalf("claim %d of another: %v, %v", n, out, err)
		}
	}
}

// sweep runs work with a fault at call 1, 2, ... until none fires.
func sweep(t *testing.T, err func() error, crash bool) {
	t.Helper()
	for _, when := range []awsfake.When{awsfake.Before, awsfake.After} {
		for call := 1; ; call++ {
			o := dynamodb.Inline(dynamodb.Options{Checkpoint: 4, Store: memory.NewStore(), Retry: atOnce(), Concurrency: 1}, 600)
			o = dynamodb.FullPart(o, 3)
			db := fake(o)
			db.ForgetTokens = call%2 == 0
			g := strike(call, when, err)
			g.crash = crash
			db.Fault = g.fault
			name := fmt.Sprintf("call %d, when %d", call, when)
			failed := work(t.Context(), dynamodb.New(db, o))
			if !crash && failed != nil {
				t.Fatalf("%s: a fault that passes was not absorbed: %v", name, failed)
			}
			if !g.struck() {
				if call < 50 {
					t.Fatalf("only %d calls", call)
				}
				break
			}
			if crash {
				db.Fault = nil
				if err := work(t.Context(), dynamodb.New(db, o)); err != nil {
					t.Fatalf("%s, next life: %v", name, err)
				}
			}
			if t.Run(name, func(t *testing.T) { outcome(t, dynamodb.New(db, o)) }); t.Failed() {
				return
			}
		}
	}
}

func TestSweepLostAnswers(t *testing.T) { sweep(t, awsfake.Lost, false) }

func TestSweepThrottles(t *testing.T) {
	sweep(t, func() error { return awsfake.Says("ThrottlingException", "Rate exceeded") }, false)
}

func TestSweepCrashes(t *testing.T) { sweep(t, nil, true) }
