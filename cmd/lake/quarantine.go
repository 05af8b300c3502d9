package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/quarantine"
)

func newQuarantine(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "quarantine", Short: "See what was refused and why, and bring it back",
		Long: "Every event that the lake refuses is kept with its reason, bytes, source and place. After a fix (a mapping\nin lake.yaml, a longer time range), retry sends what today's rules accept through the same claims: it cannot\ncount twice.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newQuarantineList(a), newQuarantineShow(a), newQuarantineRetry(a), newQuarantineExport(a))
	return c
}

// filterFlags are the flags that choose entries.
type filterFlags struct {
	reason, source, since string
	retried               bool
}

func (f *filterFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.reason, "reason", "", "only this reason, e.g. bad_time")
	c.Flags().StringVar(&f.source, "source", "", "only this source")
	c.Flags().StringVar(&f.since, "since", "", "only received on or after this day (YYYY-MM-DD, UTC)")
}

func (f *filterFlags) filter() (quarantine.Filter, error) {
	out := quarantine.Filter{Reason: lake.Reason(f.reason), Source: lake.SourceID(f.source), Retried: f.retried}
	if f.since != "" {
		day, err := lake.ParseDay(f.since)
		if err != nil {
			return out, &usageError{err}
		}
		out.Since = day.Start()
	}
	return out, nil
}

// entries gives every chosen entry and returns how many there are.
func (a *app) entries(c *cobra.Command, args assemble.QuarantineArgs, each func(*quarantine.Entry) error) (n int64, err error) {
	err = a.with(c.Context(), func(s *session, _ config.Config) error {
		var failed error
		err := s.do(c.Context(), assemble.OpQuarantineList, args, func(line json.RawMessage) {
			var e quarantine.Entry
			if err := json.Unmarshal(line, &e); err != nil {
				failed = errors.Join(failed, err)
				return
			}
			failed = errors.Join(failed, each(&e))
		}, &n)
		return errors.Join(err, failed)
	})
	return n, err
}

func newQuarantineList(a *app) *cobra.Command {
	var f filterFlags
	var limit int
	var summary bool
	c := &cobra.Command{
		Use: "list", Short: "List what was refused",
		Example: "  lake quarantine list\n  lake quarantine list --reason bad_time --limit 10\n  lake quarantine list --summary",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			args := assemble.QuarantineArgs{Filter: filter, Limit: limit}
			if summary {
				args.Limit = 0
			}
			list := []*quarantine.Entry{}
			n, err := a.entries(c, args, func(e *quarantine.Entry) error { list = append(list, e); return nil })
			if err != nil {
				return err
			}
			if summary {
				return a.printReasons(list)
			}
			if a.json {
				return a.printJSON(list)
			}
			var rows [][]any
			for _, e := range list {
				rows = append(rows, []any{e.Name(), e.Reason, e.Source, e.Bytes, e.Received, e.Detail})
			}
			printTable(a.out, []any{"entry", "reason", "source", "bytes", "received", "detail"}, rows)
			fmt.Fprintf(a.out, "%d of %s\n", len(list), count(n))
			return nil
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.retried, "retried", false, "also entries that were sent again")
	c.Flags().IntVar(&limit, "limit", 100, "entries to list; 0 is all")
	c.Flags().BoolVar(&summary, "summary", false, "count by reason and source instead")
	return c
}

func (a *app) printReasons(list []*quarantine.Entry) error {
	type key struct {
		Reason lake.Reason   `json:"reason"`
		Source lake.SourceID `json:"source"`
		Events int64         `json:"events"`
	}
	var out []*key
	at := map[string]*key{}
	for _, e := range list {
		name := string(e.Reason) + " " + string(e.Source)
		if at[name] == nil {
			at[name] = &key{Reason: e.Reason, Source: e.Source}
			out = append(out, at[name])
		}
		at[name].Events++
	}
	if a.json {
		return a.printJSON(out)
	}
	var rows [][]any
	for _, k := range out {
		rows = append(rows, []any{k.Reason, k.Source, count(k.Events)})
	}
	printTable(a.out, []any{"reason", "source", "events"}, rows)
	return nil
}

func newQuarantineShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ENTRY", Short: "Show one entry with its bytes",
		Example: "  lake quarantine show shard-000:17", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var found *quarantine.Entry
			_, err := a.entries(c, assemble.QuarantineArgs{Filter: quarantine.Filter{Name: args[0], Retried: true}, Bodies: true},
				func(e *quarantine.Entry) error { found = e; return nil })
			if err != nil {
				return err
			}
			if found == nil {
				return lake.Errorf(lake.ErrNotFound, "see: lake quarantine list", "entry %s", args[0])
			}
			return a.printJSON(found)
		},
	}
}

func newQuarantineRetry(a *app) *cobra.Command {
	var f filterFlags
	c := &cobra.Command{
		Use: "retry [ENTRY]", Short: "Send again what today's rules accept",
		Long:    "Send quarantined events through the lake again. Only those that today's rules accept are sent; id_conflict\nis only tried when it is named. Their entries stay, marked. A retry cannot count an event twice.",
		Example: "  lake quarantine retry --source github\n  lake quarantine retry shard-000:17",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				filter.Name = args[0]
			}
			return a.with(c.Context(), func(s *session, _ config.Config) error {
				var r quarantine.Retried
				if err := s.do(c.Context(), assemble.OpQuarantineRetry, assemble.QuarantineArgs{Filter: filter}, nil, &r); err != nil {
					return err
				}
				if err := s.settle(c.Context()); err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				fmt.Fprintf(a.out, "%s sent again, %s would be refused again and stay\n", count(r.Sent), count(r.StillBad))
				return nil
			})
		},
	}
	f.add(c)
	return c
}

func newQuarantineExport(a *app) *cobra.Command {
	var f filterFlags
	var output string
	var bodies bool
	c := &cobra.Command{
		Use: "export", Short: "Write entries as NDJSON",
		Example: "  lake quarantine export -o refused.ndjson\n  lake quarantine export --bodies | sed s/old/new/ | lake send -",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			var n int64
			err = a.toOutput(output, func(w io.Writer) (err error) {
				n, err = a.entries(c, assemble.QuarantineArgs{Filter: filter, Bodies: true}, func(e *quarantine.Entry) error {
					if bodies {
						_, err := fmt.Fprintln(w, strings.ReplaceAll(string(e.Content()), "\n", " "))
						return err
					}
					return json.NewEncoder(w).Encode(e)
				})
				return err
			})
			if err == nil && output != "" {
				fmt.Fprintf(a.err, "%s entries written to %s\n", count(n), output)
			}
			return err
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.retried, "retried", false, "also entries that were sent again")
	c.Flags().StringVarP(&output, "output", "o", "", "file to write (default standard output)")
	c.Flags().BoolVar(&bodies, "bodies", false, "only the bodies as they came, one a line")
	return c
}
