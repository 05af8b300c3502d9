package main

import (
	"fmt"
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
			return a.withStatus(c, func(st *assemble.Status) error {
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
func (a *app) withStatus(c *cobra.Command, f func(*assemble.Status) error) error {
	return a.with(c.Context(), func(s *session, _ config.Config) error {
		var st assemble.Status
		if err := s.do(c.Context(), assemble.OpStatus, struct{}{}, nil, &st); err != nil {
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

func (a *app) printTables(tables []assemble.TableStatus) {
	var rows [][]any
	for _, t := range tables {
		rows = append(rows, []any{t.Table, count(t.Rows), t.Days, t.Files, size(t.Bytes), t.Columns, t.Updated.UTC().Format(time.DateTime)})
	}
	printTable(a.out, []any{"table", "rows", "days", "files", "size", "columns", "updated (UTC)"}, rows)
}

func newTables(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "tables", Short: "List the tables",
		Example: "  lake tables\n  lake sql \"describe account\"",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withStatus(c, func(st *assemble.Status) error {
				if a.json {
					return a.printJSON(st.Tables)
				}
				a.printTables(st.Tables)
				return nil
			})
		},
	}
}
