package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake/assemble"
)

func newDoctor(a *app) *cobra.Command {
	var repair bool
	var o assemble.RepairOptions
	c := &cobra.Command{
		Use: "doctor", Short: "Check every part of a stopped lake, and repair what is damaged",
		Long: `Check every part of a lake that is not running: the stream's checksums, the tables' catalog and metadata, the
ledger, the sizes of the files, the keys. A line a part says ok, or what is wrong, what a repair would do and
what it would lose. It also says when the directory was moved and its tables still name the old place, which
matters to PyIceberg, Spark and others. Nothing is changed without --repair. Exits 1 when something is wrong.
lake verify goes on from here: it reads every file and compares every event.

Copy the data directory before a repair when you can.`,
		Example: "  lake doctor\n  lake doctor --repair\n  lake doctor --rebuild-ledger && lake verify",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if err := mustExist(cfg.Data); err != nil {
				return err
			}
			log := a.quiet(cfg)
			parts, err := assemble.Examine(c.Context(), cfg, log)
			if err != nil {
				return err
			}
			if repair || o.Ledger {
				a.printParts(parts)
				tell := func(step string) { fmt.Fprintf(a.err, "repair: %s\n", step) }
				if err := assemble.Repair(c.Context(), cfg, log, parts, o, tell); err != nil {
					return err
				}
				if parts, err = assemble.Examine(c.Context(), cfg, log); err != nil {
					return err
				}
				fmt.Fprintln(a.err, "repair: done; now:")
			}
			if a.json {
				err = a.printJSON(parts)
			} else {
				a.printParts(parts)
			}
			for _, p := range parts {
				if err == nil && !p.OK() {
					return &silent{"something is wrong"}
				}
			}
			return err
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "repair what is damaged")
	c.Flags().BoolVar(&o.Ledger, "rebuild-ledger", false, "make the ledger again, also when it looks whole (does --repair too)")
	return c
}

// printParts writes a line a part, and what is wrong below it.
func (a *app) printParts(parts []assemble.PartHealth) {
	if a.json {
		return
	}
	for _, p := range parts {
		state := "ok"
		if !p.OK() {
			state = "DAMAGED"
		}
		fmt.Fprintf(a.out, "%-8s %-8s %s\n", p.Part, state, p.What)
		for _, why := range slices.Concat(p.Problems, p.Notices) {
			fmt.Fprintf(a.out, "           %s\n", why)
		}
		if p.Repair != "" {
			fmt.Fprintf(a.out, "           repair: %s\n", p.Repair)
		}
	}
}
