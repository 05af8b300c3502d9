package aws

import (
	"cmp"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
)

// state is what a lake holds.
type state struct {
	name    string
	store   lake.Store
	catalog lake.Catalog
	ledger  lake.Ledger
}

// tables returns the current tables.
func (s *state) tables(t *testing.T) map[lake.TableName]lake.Table {
	t.Helper()
	names, err := s.catalog.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[lake.TableName]lake.Table{}
	for _, n := range names {
		if all[n], err = s.catalog.Table(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// refusal is an event in quarantine, wherever it was.
type refusal struct {
	source lake.SourceID
	id     string
	reason lake.Reason
	detail string
	body   uint64
}

// refused counts the events in quarantine. What a batch that came again wrote
// twice has one place and counts once.
func (s *state) refused(t *testing.T) map[refusal]int {
	t.Helper()
	journal, err := s.ledger.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := raw.NewReader(s.store, nil)
	seen := map[string]bool{}
	all := map[refusal]int{}
	for f := range journal.Files(lake.KindQuarantine) {
		for e, err := range quarantine.Entries(t.Context(), lines, f) {
			if err != nil {
				t.Fatal(err)
			}
			if !seen[e.Name()] {
				seen[e.Name()] = true
				detail, _, _ := strings.Cut(e.Detail, " is after ") // which depends on when it came
				all[refusal{e.Source, e.ID, e.Reason, detail, xxh3.Hash(e.Content())}]++
			}
		}
	}
	return all
}

// sameQuarantine compares what two lakes refused, event by event.
func sameQuarantine(t *testing.T, want, got state) {
	t.Helper()
	w, g := want.refused(t), got.refused(t)
	for r, n := range w {
		if g[r] != n {
			t.Errorf("%s refused %+v %d times, %s %d times", want.name, r, n, got.name, g[r])
		}
	}
	for r, n := range g {
		if w[r] == 0 {
			t.Errorf("only %s refused %+v, %d times", got.name, r, n)
		}
	}
	t.Logf("%d refused events were compared", len(w))
}

// verdicts sums tallies by source and table.
func verdicts(books []lake.Tally) map[string]lake.Tally {
	sums := map[string]lake.Tally{}
	for _, b := range books {
		table := b.Type
		if table != "" {
			table = string(lake.Name{Type: b.Type}.Table())
		}
		key := cmp.Or(table, "(none)") + " of " + string(b.Source)
		sum := sums[key]
		sum.Add(b)
		sums[key] = sum
	}
	return sums
}
