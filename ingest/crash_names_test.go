package ingest_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
)

// A name that has no place any more is put elsewhere because of those that were
// there before, of whatever shard: the commit that holds its events holds those
// names too, so that it has no place after a crash either.
func TestACommitBeyondTheCapsHoldsTheNamesThatFillThem(t *testing.T) {
	for what, c := range map[string]struct {
		before []string
		odd    string
		caps   ingest.Caps
	}{
		"types":    {[]string{"x:a", "z:a"}, "y:a", ingest.Caps{Types: 2, Subtypes: 9}},
		"subtypes": {[]string{"x:a", "x:b"}, "x:c", ingest.Caps{Types: 9, Subtypes: 2}},
	} {
		r := newRig()
		r.names = ingest.NewNames(c.caps, nil)
		for i, name := range c.before { // taken by another shard, and never committed
			if _, err := r.core(t, "shard-000").Take(t.Context(), records(event(name, name))); err != nil {
				t.Fatal(i, err)
			}
		}
		core := r.core(t, "shard-001")
		if _, err := core.Take(t.Context(), records(event("odd", c.odd))); err != nil {
			t.Fatal(err)
		}
		commit, err := core.Flush(t.Context(), lake.Span{To: lake.Pos(1)})
		if err != nil || len(commit.Add) != 1 {
			t.Fatal(commit, err)
		}
		at := commit.Add[0].Partition.Name
		typ, subtype := c.odd[:1], c.odd[2:]
		if at.Subtype != lake.OtherName {
			t.Fatalf("%s: %v is within the caps", what, at)
		}
		later := ingest.NewNames(c.caps, commit.Types) // what a crash leaves
		if got := later.Admit(lake.Name{Type: typ, Subtype: subtype}); got != at {
			t.Errorf("%s: %s was put at %v, and after a crash at %v; the commit has %v", what, c.odd, at, got, commit.Types)
		}
	}
}

// TestACommitWithinTheCapsHoldsItsOwnNamesOnly, so that commits stay small.
func TestACommitWithinTheCapsHoldsItsOwnNamesOnly(t *testing.T) {
	r := newRig()
	if _, err := r.core(t, "shard-000").Take(t.Context(), records(event("1", "x:a"))); err != nil {
		t.Fatal(err)
	}
	core := r.core(t, "shard-001")
	if _, err := core.Take(t.Context(), records(event("2", "y:a"))); err != nil {
		t.Fatal(err)
	}
	commit, err := core.Flush(t.Context(), lake.Span{To: lake.Pos(1)})
	if err != nil || len(commit.Types) != 1 || commit.Types[0].Type != "y" {
		t.Errorf("%v, %v", commit.Types, err)
	}
}
