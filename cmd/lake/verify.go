package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/config"
)

func newVerify(a *app) *cobra.Command {
	var accept bool
	c := &cobra.Command{
		Use: "verify", Short: "Prove from the files that nothing is lost or doubled",
		Long: `Recompute the books from the files and compare: every checksum (stream, ledger, raw, quarantine, tables and
their metadata, keys), every event in its partition, unique + duplicate + quarantined = what the stream was
given, and every raw event exactly once in its table. Exits 1 and names the place where something does not
balance. Works beside a running lake.

Events that the stream lost to damage before they were ingested are a known loss: each verify shows it, and
fails until somebody takes note of it with --accept-known-loss, once.`,
		Example: "  lake verify\n  lake verify --json | jq .problems\n  lake verify --accept-known-loss",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session, _ config.Config) error {
				if accept {
					if err := s.do(c.Context(), assemble.OpAcceptLosses, struct{}{}, nil, nil); err != nil {
						return err
					}
				}
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
	c.Flags().BoolVar(&accept, "accept-known-loss", false, "take note of what the stream is known to have lost, for good")
	return c
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
	for _, l := range r.Losses {
		n, where := count(l.Records), l.Span.String()
		if l.Unbounded {
			n, where = "unknown", "behind position "+l.Span.To.String()
		}
		fmt.Fprintf(a.out, "known loss    %15s   records at %s %s, found %s: %s%s\n",
			n, l.Shard, where, l.Found.Format(time.DateOnly), l.Reason, accepted(l))
	}
	switch {
	case r.OK() && len(r.Losses) == 0:
		fmt.Fprintln(a.out, "everything balances: nothing is lost, nothing is doubled, every checksum is right")
		return
	case r.OK():
		fmt.Fprintln(a.out, "everything else balances: beyond the known loss nothing is lost, nothing is doubled, every checksum is right")
		return
	case len(r.Problems) == 0:
		fmt.Fprintln(a.out, "everything else balances. The lost events come back when their producers send them again;\n"+
			"take note of the loss with: lake verify --accept-known-loss")
		return
	}
	fmt.Fprintf(a.out, "\n%d problems:\n", len(r.Problems))
	for _, p := range r.Problems {
		fmt.Fprintf(a.out, "  %s: %s\n", p.Where, p.What)
	}
}

// accepted says when somebody took note of a loss.
func accepted(l audit.Loss) string {
	if l.Accepted.IsZero() {
		return "; not accepted"
	}
	return "; accepted " + l.Accepted.Format(time.DateOnly)
}

// unknown says how many files nobody has a checksum of: an older lake or
// another engine wrote them.
func unknown(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s of them were written without a checksum, they were only read", count(int64(n)))
}
