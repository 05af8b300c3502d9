package streamtest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/eventlake/lake"
)

func anyPosition(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	for i := range 6 {
		appendAll(ctx, t, st, Events(0, i*30, 30, 200))
	}
	for id, rs := range All(ctx, t, st, nil, 180, 1<<20) {
		for i := 0; i <= len(rs); i += 7 {
			var after lake.Position
			if i > 0 {
				after = rs[i-1].Position
			}
			for _, piece := range []int{1, 500, 1 << 20} {
				again := shardFrom(ctx, t, st, id, after, piece)
				if len(again) != len(rs)-i {
					t.Fatalf("%s after %s, max %d: %d records, want %d", id, after, piece, len(again), len(rs)-i)
				}
				for j, r := range again {
					if want := rs[i+j]; !same(r, want.Event) || r.Position != want.Position || r.Received != want.Received {
						t.Fatalf("%s: at %s %+v, before %+v", id, after, r, want)
					}
				}
			}
		}
	}
}

// inFront reads by the position that Before gives: who knows a record's own
// position only reads it so.
func inFront(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	for i := range 4 {
		appendAll(ctx, t, st, Events(0, i*30, 30, 200))
	}
	for id, rs := range All(ctx, t, st, nil, 120, 1<<20) {
		first := 0 // event of the stream record
		for i, r := range rs {
			if r.Position.Seq != rs[first].Position.Seq {
				first = i
			}
			if again := shardFrom(ctx, t, st, id, r.Position.Before(), 1<<20); len(again) != len(rs)-first || again[0].Position != rs[first].Position {
				t.Fatalf("%s in front of %s: %d records, want %d from %s on", id, r.Position, len(again), len(rs)-first, rs[first].Position)
			}
		}
	}
}

func severalReaders(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	appendAll(ctx, t, st, Events(0, 0, 200, 100))
	All(ctx, t, st, nil, 200, 1<<20)
	ids := shards(ctx, t, st)
	counts := make([]int, 4)
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			var b lake.Batch
			for _, id := range ids {
				var after lake.Position
				for {
					if err := st.Read(ctx, id, after, 300*(i+1), &b); err != nil {
						t.Errorf("read: %v", err)
						return
					}
					if len(b.Records) == 0 {
						break
					}
					counts[i] += len(b.Records)
					after = b.Span(after).To
				}
			}
		})
	}
	wg.Wait()
	for i, n := range counts {
		if n != 200 {
			t.Errorf("reader %d has seen %d of 200 records", i, n)
		}
	}
}

func maxBytes(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	const size = 1000
	appendAll(ctx, t, st, Events(0, 0, 100, size))
	var b lake.Batch
	for id, rs := range All(ctx, t, st, nil, 100, 1<<20) {
		if len(rs) < 8 {
			continue
		}
		for _, piece := range []int{-1, 0, 1, size, 3 * size} {
			if err := st.Read(ctx, id, lake.Position{}, piece, &b); err != nil {
				t.Fatal(err)
			}
			if n := len(b.Records); n < 1 || n > piece/size+2 {
				t.Errorf("max %d returned %d records of %d bytes", piece, n, size)
			}
		}
	}
}

func reuse(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	appendAll(ctx, t, st, Events(0, 0, 60, 300))
	want := All(ctx, t, st, nil, 60, 1<<20)
	var b lake.Batch
	for range 2 {
		for id, rs := range want {
			var after lake.Position
			for i := 0; i < len(rs); i += len(b.Records) {
				if err := st.Read(ctx, id, after, 900, &b); err != nil {
					t.Fatal(err)
				}
				if len(b.Records) == 0 {
					t.Fatalf("%s ended after %d of %d", id, i, len(rs))
				}
				for j, r := range b.Records {
					if !same(r, rs[i+j].Event) {
						t.Fatalf("%s: %+v, want %+v", id, r, rs[i+j])
					}
				}
				after = b.Span(after).To
			}
			if err := st.Read(ctx, id, after, 900, &b); err != nil || len(b.Records) != 0 || !b.Span(after).Empty() {
				t.Fatalf("at the end: %d records, %v", len(b.Records), err)
			}
		}
	}
}

func waitWakes(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	errs := make(chan error)
	ids := shards(ctx, t, st)
	for _, id := range ids {
		go func() { errs <- st.Wait(ctx, id, lake.Position{}) }()
	}
	appendAll(ctx, t, st, Events(0, 0, 400, 60))
	for range ids {
		if err := <-errs; err != nil {
			t.Fatalf("wait: %v", err)
		}
	}
	for id, rs := range All(ctx, t, st, nil, 400, 1<<20) {
		if err := st.Wait(ctx, id, rs[0].Position); len(rs) > 1 && err != nil {
			t.Fatalf("wait where there is a record: %v", err)
		}
	}
}

func waitCancelled(t *testing.T, s Subject) {
	st := s.Open(t)
	ctx, cancel := context.WithCancel(s.ctx(t))
	id := shards(ctx, t, st)[0]
	errs := make(chan error)
	go func() { errs <- st.Wait(ctx, id, lake.Position{}) }()
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v, want context.Canceled", err)
	}
}

func unknownShard(t *testing.T, s Subject) {
	ctx, st := s.ctx(t), s.Open(t)
	var b lake.Batch
	if err := st.Read(ctx, "no-such-shard", lake.Position{}, 1, &b); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("read: %v, want lake.ErrNotFound", err)
	}
	if err := st.Wait(ctx, "no-such-shard", lake.Position{}); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("wait: %v, want lake.ErrNotFound", err)
	}
}

func trimmed(t *testing.T, s Subject) {
	if s.Trim == nil {
		t.Skip("the subject declares that it cannot trim")
	}
	ctx, st := s.ctx(t), s.Open(t)
	for i := range 50 {
		appendAll(ctx, t, st, Events(0, i*8, 8, 500))
	}
	want := All(ctx, t, st, nil, 400, 1<<20)
	for id, rs := range want {
		s.Trim(t, st, id, rs[len(rs)/2].Position)
	}
	list, err := st.Shards(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var b lake.Batch
	for _, sh := range list {
		rs := want[sh.ID]
		if sh.Trimmed.IsZero() || sh.Trimmed.After(rs[len(rs)/2].Position) {
			t.Fatalf("%s: trimmed to %s, wanted up to %s", sh.ID, sh.Trimmed, rs[len(rs)/2].Position)
		}
		if err := st.Read(ctx, sh.ID, lake.Position{}, 1, &b); !errors.Is(err, lake.ErrTrimmed) {
			t.Errorf("%s: reading what was trimmed: %v, want lake.ErrTrimmed", sh.ID, err)
		}
		kept := shardFrom(ctx, t, st, sh.ID, sh.Trimmed, 1<<20)
		if len(kept) == 0 || len(kept) >= len(rs) {
			t.Fatalf("%s: %d of %d records kept", sh.ID, len(kept), len(rs))
		}
		for i, r := range kept {
			if w := rs[len(rs)-len(kept)+i]; r.Position != w.Position || !same(r, w.Event) {
				t.Fatalf("%s: %+v, want %+v", sh.ID, r, w)
			}
		}
	}
}

func reopen(t *testing.T, s Subject) {
	if s.Reopen == nil {
		t.Skip("the subject declares that there is nothing to open again")
	}
	ctx, st := s.ctx(t), s.Open(t)
	var before map[lake.ShardID][]lake.Record
	n := 0
	for round := range 4 {
		appendAll(ctx, t, st, Events(0, n, 40, 150))
		n += 40
		st = s.Reopen(t, st)
		got := All(ctx, t, st, nil, n, 1<<20)
		inOrder(t, got)
		for id, rs := range before {
			for i, r := range rs {
				if g := got[id][i]; g.Position != r.Position || g.Received != r.Received || !same(g, r.Event) {
					t.Fatalf("round %d, %s: %+v, before %+v", round, id, g, r)
				}
			}
		}
		before = got
	}
}
