package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Positions, lag, books, files and disk in one screen",
		Example: "  lake status\n  lake status --json | jq .books",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withStatus(c, assemble.StatusArgs{}, func(st *assemble.Status) error {
				if a.json {
					return a.printJSON(st)
				}
				a.printStatus(st)
				return nil
			})
		},
	}
}

// withStatus gives the lake's state to f.
func (a *app) withStatus(c *cobra.Command, args assemble.StatusArgs, f func(*assemble.Status) error) error {
	return a.with(c.Context(), func(s *session, _ config.Config) error {
		var st assemble.Status
		if err := s.do(c.Context(), assemble.OpStatus, args, nil, &st); err != nil {
			return err
		}
		st.Running = s.running
		return f(&st)
	})
}

func (a *app) printStatus(st *assemble.Status) {
	state := "stopped"
	if st.Running {
		state = "running for " + st.Uptime.Round(time.Second).String()
	}
	fmt.Fprintf(a.out, "%s  %s  %s free\n\n", st.Data, state, size(st.DiskFree))
	b := st.Books
	fmt.Fprintf(a.out, "events   %s decided = %s unique + %s duplicate + %s quarantined; %s in flight, %s on the way to tables\n",
		count(b.Total()), count(b.Unique), count(b.Duplicate), count(b.Quarantined), count(st.Lag), count(st.ToTable))
	fmt.Fprintf(a.out, "rate     %.1f events/s over this and the last hour\n", st.Rate)
	fmt.Fprintf(a.out, "raw      %s in %d files, %d partitions (most files in one: %d)\n", size(st.RawBytes), st.RawFiles, st.Partitions, st.Fullest.Files)
	u := st.Upkeep
	fmt.Fprintf(a.out, "upkeep   last compaction %s; %d Parquet files compacted, %d raw files merged, %d removed, %d snapshots expired\n",
		ago(u.LastCompaction), u.CompactedFiles, u.MergedRawFiles, u.SweptFiles, u.ExpiredSnapshots)
	if u.LastError != "" {
		fmt.Fprintf(a.out, "         last failure: %s\n", u.LastError)
	}
	fmt.Fprintln(a.out)
	var rows [][]any
	for _, s := range st.Shards {
		rows = append(rows, []any{s.Shard, s.Stored, s.Committed, s.Curated, s.Lag})
	}
	printTable(a.out, []any{"shard", "stored", "committed", "curated", "lag"}, rows)
	for _, c := range st.Consumers {
		fmt.Fprintf(a.out, "consumer %s has %s records to read\n", c.Consumer, count(c.Lag))
	}
	fmt.Fprintln(a.out)
	a.printTables(st.Tables)
}

// printTables also says whose events are in each table where that is known.
func (a *app) printTables(tables []assemble.TableStatus) {
	header := []any{"table", "rows", "days", "files", "size", "columns", "updated (UTC)"}
	types := slices.ContainsFunc(tables, func(t assemble.TableStatus) bool { return t.Types != nil })
	if types {
		header = append(header, "event types")
	}
	var rows [][]any
	for _, t := range tables {
		row := []any{t.Table, count(t.Rows), t.Days, t.Files, size(t.Bytes), t.Columns, t.Updated.UTC().Format(time.DateTime)}
		if types {
			row = append(row, listed(t.Types))
		}
		rows = append(rows, row)
	}
	printTable(a.out, header, rows)
}

// listed writes the first of the names.
func listed(names []string) string {
	const most = 5
	out := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		if strings.ContainsFunc(n, func(r rune) bool { return r == ',' || !strconv.IsPrint(r) }) {
			n = strconv.Quote(n)
		}
		out = append(out, n)
	}
	text := strings.Join(out, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func newTables(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "tables", Short: "List the tables and whose events are in them",
		Long:    "List the tables, and the event types, by their true names, whose events each holds. A type of other\ncharacters than letters, digits, '_', '-' and '.' is in a table whose name ends in a hash of the type.",
		Example: "  lake tables\n  lake tables --json | jq '.[] | select(.types[] == \"Order placed!\").table'\n  lake sql \"describe account\"",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withStatus(c, assemble.StatusArgs{Types: true}, func(st *assemble.Status) error {
				if a.json {
					return a.printJSON(st.Tables)
				}
				a.printTables(st.Tables)
				return nil
			})
		},
	}
}
