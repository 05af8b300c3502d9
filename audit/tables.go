package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

const hour = time.Hour

// tables compares, table by table and day by day, the ids in raw with the ids
// in the table: each exactly once. Memory is bounded by the ids of one day.
func (a *auditor) tables(ctx context.Context) error {
	files := map[tableDay][]lake.DataFile{}
	for name, t := range a.states {
		a.report.Tables++
		for _, f := range t.Files {
			k := tableDay{name, f.Day}
			files[k] = append(files[k], f)
			a.report.TableFiles++
		}
	}
	units := map[tableDay]bool{}
	for k := range a.days {
		units[k] = true
	}
	for k := range files {
		units[k] = true
	}
	for _, k := range sortedUnits(units) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.unread[k.table] {
			continue
		}
		if err := a.day(ctx, k, files[k]); err != nil {
			return err
		}
	}
	return nil
}

func sortedUnits(m map[tableDay]bool) []tableDay {
	out := make([]tableDay, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(x, y tableDay) int {
		return cmp.Or(cmp.Compare(x.table, y.table), cmp.Compare(x.day, y.day))
	})
	return out
}

// sighting is where an id was seen in one unit.
type sighting struct {
	received lake.Instant // of the copy that came first
	rows     int32        // in the table
}

func (a *auditor) day(ctx context.Context, k tableDay, files []lake.DataFile) error {
	where := fmt.Sprintf("table %s, day %s", k.table, k.day)
	ids := map[lake.ID]*sighting{}
	consumed := a.states[k.table].Consumed
	for _, f := range a.days[k] {
		if f.Span.To.After(consumed[f.Shard]) {
			a.report.ToTables += f.Events
			continue
		}
		err := a.lines(ctx, f, func(fields *raw.Fields) { a.sight(where, ids, fields) })
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		} // a damaged file was reported when it was read first
	}
	var strange Row // the first row that no raw file has
	var strangers int64
	lost := false // a file cannot be read: what it held is not told one by one
	for _, f := range files {
		var rows int64
		broken := false
		for row, err := range a.Rows(ctx, f) {
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				a.report.problem(string(f.Key), "%s; %s", f.Key.Reason(err), remake(k))
				broken, lost = true, true
				break
			}
			rows++
			s := ids[row.ID]
			if s == nil {
				if strangers++; strangers == 1 {
					strange = row
				}
				continue
			}
			if s.rows++; s.rows > 1 {
				a.report.problem(where, "event %s is %d times in the table", row.ID, s.rows)
			}
		}
		if rows != f.Rows && !broken {
			a.report.problem(string(f.Key), "holds %d rows, the catalog says %d", rows, f.Rows)
		}
		a.report.TableRows += rows
		a.progress(string(f.Key))
	}
	if strangers > 0 {
		a.report.problem(where, "%d rows are in no raw file that can be read, the first is event %s of source %s; they stay in the table, and a rebuild cannot make them again: "+
			"restore the raw files from a back-up", strangers, strange.ID, strange.Source)
	}
	for id, s := range ids {
		if s.rows == 0 && !lost {
			a.report.problem(where, "event %s is in raw and not in the table", id)
		}
	}
	return nil
}

// remake is how the rows of a day come back.
func remake(k tableDay) string {
	return fmt.Sprintf("make the day again from raw: lake rebuild --type %s --from %s --to %s", k.table, k.day, k.day+1)
}

// sight notes an id found in raw. A second copy is right only when the first
// one's claim had expired or was forgotten.
func (a *auditor) sight(where string, ids map[lake.ID]*sighting, f *raw.Fields) {
	s := ids[f.ID]
	if s == nil {
		ids[f.ID] = &sighting{received: f.Received}
		return
	}
	apart := f.Received.Sub(s.received).Abs()
	first := min(f.Received, s.received)
	s.received = first
	if apart < time.Duration(a.ClaimTTL)*time.Second && first > a.Forgotten {
		a.report.problem(where, "event %s is in raw twice, %s apart", f.ID, apart)
		return
	}
	a.report.LateDuplicates++
}
