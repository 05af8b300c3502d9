package streamtest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/eventlake/lake"
)

func roundTrip(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	e := Event(1, 7, 100)
	e.Body = []byte("not \x00 JSON \xff at all\n")
	appendAll(ctx, t, st, []lake.Event{e})
	for _, rs := range All(ctx, t, st, nil, 1, 1<<20) {
		for _, r := range rs {
			if !sent(r, e) || r.Received < e.Received || r.Position.IsZero() {
				t.Fatalf("got %+v, want %+v", r, e)
			}
		}
	}
}

func emptyAppend(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	appendAll(ctx, t, st, nil)
	appendAll(ctx, t, st, []lake.Event{})
	All(ctx, t, st, nil, 0, 1<<20)
}

// inOrder checks that each writer's numbers ascend in every shard and that each
// of them is there once.
func inOrder(t *testing.T, got map[lake.ShardID][]lake.Record) {
	t.Helper()
	seen := map[[2]int]bool{}
	for id, rs := range got {
		last := map[int]int{}
		for _, r := range rs {
			w, n := number(t, r.Body)
			if before, ok := last[w]; ok && before >= n {
				t.Fatalf("%s: event %d of writer %d comes after %d", id, n, w, before)
			}
			last[w] = n
			if seen[[2]int{w, n}] {
				t.Fatalf("event %d of writer %d is there twice", n, w)
			}
			seen[[2]int{w, n}] = true
			if !sent(r, Event(w, n, len(r.Body))) {
				t.Fatalf("event %d of writer %d is not what was sent", n, w)
			}
		}
	}
}

func orderInCall(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	appendAll(ctx, t, st, Events(0, 0, 400, 120))
	got := All(ctx, t, st, nil, 400, 1<<20)
	inOrder(t, got)
	if len(got) < 2 {
		t.Errorf("400 events are all in %d shard", len(got))
	}
}

func orderOfCalls(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	for i := range 20 {
		appendAll(ctx, t, st, Events(0, 10*i, 10, 60))
	}
	inOrder(t, All(ctx, t, st, nil, 200, 1<<20))
}

func sameShard(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	for range 3 {
		appendAll(ctx, t, st, Events(0, 0, 50, 60))
	}
	home := map[lake.ID]lake.ShardID{}
	for shard, rs := range All(ctx, t, st, nil, 150, 1<<20) {
		for _, r := range rs {
			if other, ok := home[r.ID]; ok && other != shard {
				t.Fatalf("copies of %s are in %s and %s", r.ID, shard, other)
			}
			home[r.ID] = shard
		}
	}
}

func concurrent(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	const writers, calls, each = 6, 10, 7
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for c := range calls {
				if err := st.Append(ctx, Events(w, c*each, each, 90)); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	inOrder(t, All(ctx, t, st, nil, writers*calls*each, 1<<20))
}

func bodiesNotKept(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	events := Events(0, 0, 20, 80)
	appendAll(ctx, t, st, events)
	for i := range events {
		clear(events[i].Body)
		events[i] = lake.Event{}
	}
	inOrder(t, All(ctx, t, st, nil, 20, 1<<20))
}

func bigBodies(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	var events []lake.Event
	for i, size := range []int{40, s.MaxBody, 1 << 16, 1<<16 + 1, s.MaxBody - 1, 127, 128, 1 << 14} {
		events = append(events, Event(0, i, min(size, s.MaxBody)))
	}
	appendAll(ctx, t, st, events[:2])
	appendAll(ctx, t, st, events[2:])
	inOrder(t, All(ctx, t, st, nil, len(events), 1<<20))
}

func tooBig(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	events := Events(0, 0, 3, 60)
	events[1].Body = make([]byte, lake.MaxBody+1)
	if err := st.Append(ctx, events); !errors.Is(err, lake.ErrInvalid) {
		t.Fatalf("err = %v, want lake.ErrInvalid", err)
	}
}

func logTime(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	events := Events(0, 0, 60, 60)
	for i := range events {
		if i%3 == 2 {
			events[i].Received -= 1_000_000 // the clock was set back
		}
	}
	appendAll(ctx, t, st, events[:30])
	appendAll(ctx, t, st, events[30:])
	for id, rs := range All(ctx, t, st, nil, len(events), 1<<20) {
		var last lake.Instant
		for _, r := range rs {
			_, n := number(t, r.Body)
			if r.Received < last || r.Received < events[n].Received {
				t.Fatalf("%s: log time %s after %s, received %s", id, r.Received, last, events[n].Received)
			}
			last = r.Received
		}
	}
}

func appendCancelled(t *testing.T, s Subject) {
	st := s.Open(t)
	ctx, cancel := context.WithCancel(s.ctx(t))
	cancel()
	if err := st.Append(ctx, Events(0, 0, 3, 60)); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v, want context.Canceled", err)
	}
}
