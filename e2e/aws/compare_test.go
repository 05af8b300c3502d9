package aws

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
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

// either opens the objects of two lakes, whose keys begin with a number.
type either struct {
	lake.Store
	stores [2]lake.Store
}

func (e either) Open(ctx context.Context, key lake.Key) (lake.Object, error) {
	n, rest, _ := strings.Cut(string(key), "/")
	return e.stores[n[0]-'0'].Open(ctx, lake.Key(rest))
}

// in names the files as those of a store of an either.
func in(n int, files []lake.DataFile) []lake.DataFile {
	files = slices.Clone(files)
	for i := range files {
		files[i].Key = lake.Key(fmt.Sprint(n, "/", files[i].Key))
	}
	return files
}

// ownColumns tell where an event was, which differs between lakes.
var ownColumns = []string{"received_at", "shard", "position"}

// sameTables compares all tables of two lakes row by row and value by value.
func sameTables(t *testing.T, want, got state) {
	t.Helper()
	wants, gots := want.tables(t), got.tables(t)
	if w, g := slices.Sorted(maps.Keys(wants)), slices.Sorted(maps.Keys(gots)); !slices.Equal(w, g) {
		t.Errorf("%s has the tables %v, %s has %v", want.name, w, got.name, g)
	}
	rows := int64(0)
	for name, w := range wants {
		g, ok := gots[name]
		if !ok {
			continue
		}
		d, err := curate.Diff(t.Context(), either{stores: [2]lake.Store{want.store, got.store}},
			curate.Side{Schema: w.Schema, Files: in(0, w.Files)}, curate.Side{Schema: g.Schema, Files: in(1, g.Files)})
		if err != nil {
			t.Fatalf("table %s: %v", name, err)
		}
		if n := len(d.ColumnsAdded) + len(d.ColumnsRemoved) + len(d.ColumnsChanged); n > 0 {
			t.Errorf("table %s: only %s has the columns %v, only %s %v, of other types are %v", name, got.name, d.ColumnsAdded, want.name, d.ColumnsRemoved, d.ColumnsChanged)
		}
		for _, day := range d.Days {
			for _, c := range ownColumns {
				delete(day.Columns, c)
			}
			if day.Added+day.Removed > 0 || len(day.Columns) > 0 {
				t.Errorf("table %s, day %s, type %s: %s has %d rows, %s %d; %d are new, %d are missing, changed columns are %v",
					name, day.Day, day.Type, want.name, day.Before, got.name, day.After, day.Added, day.Removed, day.Columns)
			}
			rows += day.After
		}
		if n, m := count(w.Files), count(g.Files); n != m {
			t.Errorf("table %s: %s has %d rows, %s has %d", name, want.name, n, got.name, m)
		}
	}
	t.Logf("%d tables with %d rows were compared", len(wants), rows)
}

// count is how many rows files have, copies of an event too.
func count(files []lake.DataFile) (rows int64) {
	for _, f := range files {
		rows += f.Rows
	}
	return rows
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
