package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/config"
)

func newVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Prove from the files that nothing is lost or doubled",
		Long: `Recompute the books from the files and compare: every checksum (stream, ledger, raw, quarantine, tables and
their metadata, keys), every event in its partition, unique + duplicate + quarantined = what the stream was
given, and every raw event exactly once in its table. Exits 1 and names the place where something does not
balance. Works beside a running lake.`,
		Example: "  lake verify\n  lake verify --json | jq .problems",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session, _ config.Config) error {
				bar := a.progress("verify", "files")
				var r audit.Report
				err := s.do(c.Context(), assemble.OpVerify, struct{}{}, bar.step, &r)
				bar.done()
				if err != nil {
					return err
				}
				if a.json {
					err = a.printJSON(&r)
				} else {
					a.printReport(&r)
				}
				if err == nil && !r.OK() {
					err = &silent{"the books do not balance"}
				}
				return err
			})
		},
	}
}

func (a *app) printReport(r *audit.Report) {
	fmt.Fprintf(a.out, "accepted      %15s\n", count(r.Accepted))
	fmt.Fprintf(a.out, "= unique      %15s   %s events in %d raw files\n", count(r.Unique), count(r.RawEvents), r.RawFiles)
	fmt.Fprintf(a.out, "+ duplicate   %15s\n", count(r.Duplicate))
	fmt.Fprintf(a.out, "+ quarantined %15s   in %d files\n", count(r.Quarantined), r.QuarantineFiles)
	fmt.Fprintf(a.out, "+ in flight   %15s\n", count(r.InFlight))
	fmt.Fprintf(a.out, "in tables     %15s   rows in %d files of %d tables; %s late duplicates dropped, %s on the way\n",
		count(r.TableRows), r.TableFiles, r.Tables, count(r.LateDuplicates), count(r.ToTables))
	fmt.Fprintf(a.out, "metadata      %15s   files of the tables%s\n", count(int64(r.Metadata)), unknown(r.Unknown))
	fmt.Fprintf(a.out, "read again    %15s   records of the stream\n", count(r.LogRecords))
	if r.OK() {
		fmt.Fprintln(a.out, "everything balances: nothing is lost, nothing is doubled, every checksum is right")
		return
	}
	fmt.Fprintf(a.out, "\n%d problems:\n", len(r.Problems))
	for _, p := range r.Problems {
		fmt.Fprintf(a.out, "  %s: %s\n", p.Where, p.What)
	}
}

// unknown says how many files nobody has a checksum of: an older lake or
// another engine wrote them.
func unknown(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s of them were written without a checksum, they were only read", count(int64(n)))
}
