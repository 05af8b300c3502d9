package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/replay"
	"github.com/eventlake/lake/transform"
)

func newRebuild(a *app) *cobra.Command {
	var o replay.RebuildOptions
	var table, from, to string
	c := &cobra.Command{
		Use: "rebuild", Short: "Make tables again from raw: show the difference, then swap",
		Long: `Make tables again from raw with today's rules, on the side. The difference is shown first: rows and columns
by type and day. Then one table commit swaps the files; with --dry-run it stops before. A table without a
difference stays as it is, unless --force wants its files written anew. The lake goes on taking events in
meanwhile. A rebuild cannot lose or double an event, whenever it is interrupted. It also repairs: a Parquet
file that is missing or damaged is named, and its rows come from raw. Rows of a table that raw does not have,
because raw files were lost, are named too, and the table stays as it is unless --drop-missing gives them up.`,
		Example: "  lake rebuild --dry-run\n  lake rebuild --type account\n  lake rebuild --type account --from 2026-03-01 --to 2026-03-08",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if table != "" {
				o.Table = lake.Name{Type: transform.PathSafe(table)}.Table()
			}
			var err error
			if o.From, err = parseDay(from); err != nil {
				return err
			}
			if o.To, err = parseDay(to); err != nil {
				return err
			}
			if err := o.Validate(); err != nil {
				return &usageError{err}
			}
			return a.with(c.Context(), func(s *session, _ config.Config) error {
				bar := a.progress("rebuild", "raw files")
				var done []replay.Rebuilt
				err := s.do(c.Context(), assemble.OpRebuild, o, func(line json.RawMessage) {
					var st assemble.RebuildStep
					if json.Unmarshal(line, &st) != nil {
						return
					}
					if st.Difference == nil {
						bar.at(int64(st.Done), int64(st.Total))
					} else if !a.json {
						bar.done()
						a.printDifference(&replay.Rebuilt{Table: st.Table, Difference: *st.Difference, Unreadable: st.Unreadable}, o.Force)
						bar = a.progress("rebuild", "raw files")
					}
				}, &done)
				bar.done()
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(withDates(done))
				}
				a.printRebuilt(done)
				return nil
			})
		},
	}
	c.Flags().StringVar(&table, "type", "", "only this event type")
	c.Flags().StringVar(&from, "from", "", "first day of the events' own time, YYYY-MM-DD (UTC)")
	c.Flags().StringVar(&to, "to", "", "day after the last, YYYY-MM-DD (UTC)")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only show the difference")
	c.Flags().BoolVar(&o.DropMissing, "drop-missing", false, "swap also when rows of the table are in no raw file: they are gone then")
	c.Flags().BoolVar(&o.Force, "force", false, "swap tables without a difference too: all their files are written anew")
	c.MarkFlagsMutuallyExclusive("dry-run", "force")
	return c
}

// parseDay returns nil for "", which is no bound.
func parseDay(s string) (*lake.Day, error) {
	if s == "" {
		return nil, nil
	}
	day, err := lake.ParseDay(s)
	if err != nil {
		return nil, &usageError{err}
	}
	return &day, nil
}

// rebuiltJSON is a replay.Rebuilt whose days are dates, for scripts: inside the
// lake a day is a number.
type rebuiltJSON struct {
	replay.Rebuilt
	Difference differenceJSON `json:"difference"`
}

type differenceJSON struct {
	curate.Difference
	Days []dayJSON `json:"days"`
}

type dayJSON struct {
	Day string `json:"day"` // YYYY-MM-DD
	curate.DayDiff
}

func withDates(done []replay.Rebuilt) []rebuiltJSON {
	out := make([]rebuiltJSON, len(done))
	for i, r := range done {
		days := make([]dayJSON, len(r.Difference.Days))
		for j, d := range r.Difference.Days {
			days[j] = dayJSON{d.Day.String(), d}
		}
		out[i] = rebuiltJSON{r, differenceJSON{r.Difference, days}}
	}
	return out
}

// printRebuilt says what became of each table, in one line for those that stay.
func (a *app) printRebuilt(done []replay.Rebuilt) {
	var same []lake.TableName
	for _, r := range done {
		switch {
		case r.Swapped:
			fmt.Fprintf(a.out, "%s: swapped, %s rows rebuilt and %s that came meanwhile\n", r.Table, count(r.Rows), count(r.Since))
		case r.Same():
			same = append(same, r.Table)
		default:
			fmt.Fprintf(a.out, "%s: not swapped (--dry-run)\n", r.Table)
		}
	}
	switch len(same) {
	case 0:
	case 1:
		fmt.Fprintf(a.out, "%s: no difference, it stays as it is\n", same[0])
	default:
		fmt.Fprintf(a.out, "%s tables: no difference, they stay as they are\n", count(int64(len(same))))
	}
}

// printDifference shows what a rebuild changes. A table in which nothing does
// is named only when it is swapped all the same.
func (a *app) printDifference(r *replay.Rebuilt, force bool) {
	if r.Same() {
		if force {
			fmt.Fprintf(a.out, "%s: no difference\n", r.Table)
		}
		return
	}
	d := &r.Difference
	fmt.Fprintf(a.out, "%s:\n", r.Table)
	for _, l := range r.Unreadable {
		fmt.Fprintf(a.out, "  the old file %s cannot be read; the rows of %s that raw has replace its %s: %s\n", l.File.Key, l.File.Day, count(l.File.Rows), l.Why)
	}
	for _, l := range []struct {
		what    string
		columns []string
	}{{"new columns", d.ColumnsAdded}, {"columns gone", d.ColumnsRemoved}, {"columns of another type", d.ColumnsChanged}} {
		if len(l.columns) > 0 {
			fmt.Fprintf(a.out, "  %s: %s\n", l.what, strings.Join(l.columns, ", "))
		}
	}
	var rows [][]any
	for _, day := range d.Days {
		if day.Added+day.Removed+day.Changed == 0 {
			continue
		}
		var columns []string
		for c, n := range day.Columns {
			columns = append(columns, fmt.Sprintf("%s %s", c, count(n)))
		}
		slices.Sort(columns)
		rows = append(rows, []any{day.Day, day.Type, count(day.Before), count(day.After), count(day.Added), count(day.Removed), count(day.Changed), strings.Join(columns, ", ")})
	}
	if len(rows) > 0 {
		printTable(a.out, []any{"day", "type", "before", "after", "added", "removed", "changed", "values changed in"}, rows)
	}
}
