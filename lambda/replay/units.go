package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
)

// Ledger is what a replay asks of the ledger.
type Ledger = arrivals.Ledger

// unit is one day of one table.
type unit struct {
	table lake.TableName
	day   lake.Day
	files int // raw files
}

func (u unit) String() string { return string(u.table) + " " + u.day.String() }

// units lists the days that raw has, in the order of their names: also those of
// tables that were dropped.
func units(journal lake.Journal, r *Request) (units []unit, err error) {
	window, err := r.days()
	if err != nil {
		return nil, err
	}
	have := map[string]unit{}
	for f := range journal.Files(lake.KindRaw) {
		u := unit{table: f.Partition.Table(), day: f.Partition.Day}
		if window.Holds(f.Partition.Type, "", u.day.Start()) {
			u.files = have[u.String()].files + 1
			have[u.String()] = u
		}
	}
	return slices.SortedFunc(maps.Values(have), func(a, b unit) int { return cmp.Compare(a.String(), b.String()) }), nil
}

// known returns ErrNotFound for a type that neither raw nor a table has.
func known(journal lake.Journal, tables []lake.TableName, types []string) error {
	if len(types) == 0 {
		return nil
	}
	have := map[string]bool{}
	for _, t := range tables {
		have[string(t)] = true
	}
	for f := range journal.Files(lake.KindRaw) {
		have[strings.ToLower(f.Partition.Type)] = true
	}
	for _, t := range types {
		if !have[strings.ToLower(t)] && !have[string(lake.Name{Type: t}.Table())] {
			all := slices.Sorted(maps.Keys(have))
			return lake.Errorf(lake.ErrNotFound, "there are: "+strings.Join(all[:min(len(all), 50)], ", "), "type %s in raw or as a table", t)
		}
	}
	return nil
}

// restore makes a table that was dropped anew, without rows. It has taken what
// the ledger has marked as taken into tables, so that a rebuild brings that in
// and curate the rest. A table that exists stays as it is.
func (h *Handler) restore(ctx context.Context, catalog lake.Catalog, name lake.TableName) error {
	curated, err := h.config.Ledger.Curated(ctx)
	if err != nil {
		return err
	}
	columns := lake.SystemColumns()
	_, err = catalog.Commit(ctx, lake.TableCommit{
		Table: name, Schema: lake.Schema{Columns: columns, LastID: columns[len(columns)-1].ID},
		Consumed: curated, Summary: map[string]string{"operation": "append"},
	})
	if err != nil && !errors.Is(err, lake.ErrStale) { // curate has made it meanwhile
		return fmt.Errorf("make table %s anew: %w", name, err)
	}
	return nil
}
