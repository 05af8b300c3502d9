package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
)

func newCompact(a *app) *cobra.Command {
	var args assemble.CompactArgs
	var table string
	c := &cobra.Command{
		Use: "compact", Short: "Merge small files, expire snapshots and remove what nobody names, now",
		Long:    "Do now what a running lake does by itself in the background: merge small raw files, compact the tables'\nsmall Parquet files, expire old snapshots, and remove files that nothing names. Counts and ids are compared\nbefore each commit.",
		Example: "  lake compact\n  lake compact --table account --full",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			args.Table = lake.TableName(table)
			return a.with(c.Context(), func(s *session, _ config.Config) error {
				var r curate.CompactReport
				if err := s.do(c.Context(), assemble.OpCompact, args, nil, &r); err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				fmt.Fprintf(a.out, "%d days rewritten: %d files became %d, %s became %s, %s rows\n",
					r.Days, r.Removed, r.Added, size(r.Before), size(r.After), count(r.Rows))
				return nil
			})
		},
	}
	c.Flags().StringVar(&table, "table", "", "only this table")
	c.Flags().BoolVar(&args.Full, "full", false, "also days that have only a few small files")
	return c
}
