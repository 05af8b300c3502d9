package main

import (
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
)

// app is what all commands share.
type app struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	env []string

	configFile string
	json       bool
	flags      map[string]*string // configuration keys that are flags

	interrupts *interrupts
	began      bool   // flags and arguments are right, the command is at work
	unfinished string // what to know when it is interrupted now; may be empty
}

const rootHelp = `lake is an event-driven data lake in one program: events come in over HTTP, are
stored durably, deduplicated exactly, kept as raw JSON, turned into Iceberg
tables and answered in SQL.

Start with:
  lake up                                    run a lake on http://127.0.0.1:8080
  lake send events.ndjson                    send events to it
  lake sql "select event_type, count(*) from events group by 1"
  lake verify                                prove that nothing is lost or doubled`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use: "lake", Short: "An event-driven data lake in one program", Long: rootHelp,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			hint := "see: lake --help"
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "did you mean: lake " + strings.Join(near, ", lake ")
			}
			return &usageError{lake.Errorf(lake.ErrNotFound, hint, "command %q", args[0])}
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.Version = readVersion().String()
	root.SetVersionTemplate("lake {{.Version}}\n")
	root.Flags().Bool("version", false, "print what this program was built from")
	f := root.PersistentFlags()
	a.flags = map[string]*string{
		"data":       f.String("data", "", "data directory (default ./lake-data)"),
		"log.level":  f.String("log-level", "", "debug, info, warn or error (default info)"),
		"log.format": f.String("log-format", "", "text or json (default text)"),
	}
	f.StringVar(&a.configFile, "config", "", "configuration file (default: the one the lake was last run with, else ./lake.yaml)")
	f.BoolVar(&a.json, "json", false, "print JSON, for scripts")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run:"}, &cobra.Group{ID: "data", Title: "Events in and out:"},
		&cobra.Group{ID: "proof", Title: "State and proof:"}, &cobra.Group{ID: "care", Title: "Care:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", newUp(a), newWorker(a), newDemo(a), newInit(a))
	add("data", newSend(a), newGen(a), newSQL(a), newTables(a), newTail(a), newReplay(a))
	add("proof", newStatus(a), newVerify(a))
	add("care", newKeys(a), newQuarantine(a), newRebuild(a), newCompact(a), newDoctor(a))
	root.AddCommand(newVersion(a), newDocs(), newSQLProcess(a), exitCodesHelp())
	a.noteBeginning(root)
	a.complete(root)
	return root
}

// noteBeginning lets every command note that it began: what fails before, flags
// and arguments, is the caller's mistake.
func (a *app) noteBeginning(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			a.began = true
			return run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		a.noteBeginning(sub)
	}
}

func exitCodesHelp() *cobra.Command {
	return &cobra.Command{
		Use: "exit-codes", Short: "What the exit codes mean",
		Long: "Exit codes:\n  0  the command did what it says\n  1  it failed, or lake verify or lake doctor found a problem\n" +
			"  2  wrong flags, arguments or configuration\n  3  another process holds the data directory\n" +
			"130  interrupted with Ctrl-C (143: with SIGTERM). lake up, lake worker and lake tail --follow end so, with 0.\n" +
			"     A second Ctrl-C ends at once; a repeat is safe in any case",
	}
}

// logger writes to stderr at the configured level and in the configured form.
func (a *app) logger(cfg config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		level = slog.LevelInfo // the configuration has checked the name
	}
	o := &slog.HandlerOptions{Level: level}
	if cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.err, o))
	}
	return slog.New(slog.NewTextHandler(a.err, o))
}
