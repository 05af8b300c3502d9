package streamtest

import (
	"errors"
	"slices"
	"testing"

	"github.com/eventlake/lake"
)

func split(t *testing.T, s Subject) {
	if s.Split == nil {
		t.Skip("the subject declares that its shards are fixed")
	}
	ctx, st := s.ctx(t), s.Open(t)
	appendAll(ctx, t, st, Events(0, 0, 100, 60))
	before := All(ctx, t, st, nil, 100, 1<<20)
	parent := shards(ctx, t, st)[0]
	waiting := make(chan error, 1)
	at := last(before[parent])
	go func() { waiting <- st.Wait(ctx, parent, at) }()
	s.Split(t, st, parent)
	if err := <-waiting; !errors.Is(err, lake.ErrEnded) {
		t.Errorf("waiting at the end of the shard that was split: %v, want lake.ErrEnded", err)
	}
	// What is appended now may go by what the adapter knew before; nothing is lost.
	for i := 100; i < 300; i += 20 {
		appendAll(ctx, t, st, Events(0, i, 20, 60))
	}
	got := All(ctx, t, st, nil, 300, 1<<20)
	seen := map[lake.ID]bool{}
	for id, rs := range got {
		for _, r := range rs {
			if _, n := number(t, r.Body); !same(r, Event(0, n, len(r.Body))) || seen[r.ID] {
				t.Fatalf("%s: event %d is not what was sent, or there twice", id, n)
			}
			seen[r.ID] = true
		}
	}
	if len(got[parent]) != len(before[parent]) {
		t.Errorf("the closed shard had %d records and has %d", len(before[parent]), len(got[parent]))
	}
	if err := st.Wait(ctx, parent, last(got[parent])); !errors.Is(err, lake.ErrEnded) {
		t.Errorf("wait at the end: %v, want lake.ErrEnded", err)
	}
	if len(got[parent]) > 0 {
		if err := st.Wait(ctx, parent, lake.Position{}); err != nil {
			t.Errorf("wait where there is a record: %v", err)
		}
	}
	list, err := st.Shards(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var listed []lake.ShardID
	children := 0
	for _, sh := range list {
		for _, p := range sh.Parents {
			if !slices.Contains(listed, p) {
				t.Errorf("%s is listed before its parent %s", sh.ID, p)
			}
		}
		if slices.Contains(sh.Parents, parent) {
			if children++; len(got[sh.ID]) == 0 || sh.Closed {
				t.Errorf("child %s has %d records, closed: %v", sh.ID, len(got[sh.ID]), sh.Closed)
			}
		}
		if sh.Closed != (sh.ID == parent) {
			t.Errorf("%s is closed: %v", sh.ID, sh.Closed)
		}
		listed = append(listed, sh.ID)
	}
	if children != 2 {
		t.Errorf("%d children", children)
	}
}

func last(rs []lake.Record) lake.Position {
	if len(rs) == 0 {
		return lake.Position{}
	}
	return rs[len(rs)-1].Position
}
