package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
)

// check asserts the promise: what the client saw acknowledged is in the tables
// exactly once, nothing else is, and the books balance.
func (l *life) check(ctx context.Context, want map[lake.ID]bool) error {
	got := map[lake.ID]int{}
	names, err := l.w.catalog.Tables(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		t, err := l.w.catalog.Table(ctx, name)
		if err != nil {
			return err
		}
		for _, f := range t.Files {
			for row, err := range curate.Rows(ctx, l.store, f) {
				if err != nil {
					return err
				}
				got[row.ID]++
			}
		}
	}
	for id := range want {
		if got[id] != 1 {
			return fmt.Errorf("acknowledged event %s is %d times in the tables", id, got[id])
		}
	}
	for id := range maps.Keys(got) {
		if !want[id] {
			return fmt.Errorf("event %s is in the tables and was never valid", id)
		}
	}
	return errors.Join(l.audit(ctx), l.checkRaw(ctx))
}

// checkRaw demands that raw files are those that the ledger names once unused
// ones are swept: whoever reads them with another tool counts each event once.
func (l *life) checkRaw(ctx context.Context) error {
	if err := l.sweepRaw(ctx); err != nil {
		return err
	}
	journal, err := l.raw.Journal(ctx)
	if err != nil {
		return err
	}
	named := map[lake.Key]bool{}
	for f := range journal.Files("") {
		named[f.Key] = true
	}
	var all []error
	for _, root := range []lake.Key{raw.Root, quarantine.Root} {
		for info, err := range l.store.List(ctx, root) {
			if err != nil {
				return err
			}
			if !named[info.Key] {
				all = append(all, fmt.Errorf("%s is there and no commit names it", info.Key))
			}
			delete(named, info.Key)
		}
	}
	for key := range named {
		all = append(all, fmt.Errorf("%s is named and not there", key))
	}
	return errors.Join(all...)
}

func (l *life) audit(ctx context.Context) error {
	report, err := audit.Run(ctx, audit.Parts{
		Stream: l.stream, Ledger: l.ledger, Catalog: l.w.catalog, Lines: l.lines, ClaimTTL: int64(ttl.Seconds()),
		Rows: func(ctx context.Context, f lake.DataFile) rows { return auditRows(ctx, l.store, f) },
	})
	if err != nil {
		return err
	}
	var all []error
	for _, p := range report.Problems {
		all = append(all, errors.New(p.Where+": "+p.What))
	}
	if report.InFlight != 0 || report.ToTables != 0 {
		all = append(all, fmt.Errorf("%d in flight, %d not in tables after everything was drained", report.InFlight, report.ToTables))
	}
	return errors.Join(all...)
}

type rows = iter.Seq2[audit.Row, error]

func auditRows(ctx context.Context, s lake.Store, f lake.DataFile) rows {
	return func(yield func(audit.Row, error) bool) {
		for row, err := range curate.Rows(ctx, s, f) {
			if !yield(audit.Row{ID: row.ID, Source: row.Source, Received: row.Received}, err) {
				return
			}
		}
	}
}
