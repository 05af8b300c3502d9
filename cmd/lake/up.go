package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/duckdb"
	"github.com/eventlake/lake/local/keys"
	"github.com/eventlake/lake/serve"
)

func newUp(a *app) *cobra.Command {
	var listen, pprofAddr string
	c := &cobra.Command{
		Use: "up", Short: "Run a lake: HTTP, ingest, tables, SQL, upkeep",
		Long: "Run a lake until Ctrl-C or SIGTERM. It then answers the requests it has, commits what it has\ntaken in, and ends; a second Ctrl-C ends it at once, which loses nothing either.\n\nOther commands use the configuration that the lake was last run with, unless they are told another one.",
		Example: "  lake up\n  lake up --data /var/lib/lake --listen 127.0.0.1:9000\n" +
			"  lake keys create --source shop && lake up --listen 0.0.0.0:8080",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			over := config.Overrides{}
			if listen != "" {
				over["listen"] = listen
			}
			cfg, run, err := a.configToRun(over)
			if err != nil {
				return err
			}
			log := a.logger(cfg)
			const rest = 160 << 20 // codecs, metadata, stacks, what is garbage already
			collectEarly(a.env, assemble.MemoryOf(cfg)+rest)
			return withPprof(c.Context(), pprofAddr, log, func(ctx context.Context) error { return up(ctx, cfg, run, log) })
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "address for HTTP (default "+serve.DefaultAddr+")")
	c.Flags().StringVar(&pprofAddr, "pprof", "", "serve profiles of this process at a loopback address, e.g. 127.0.0.1:6060")
	return c
}

// collectEarly lets the heap grow by half instead of to its double between
// collections, and by less near the limit in bytes; 0 is none. Most of a lake's
// memory is line buffers and claims without pointers, which cost the collector
// next to nothing, so a third of the memory is saved for about a percent of CPU.
// GOGC and GOMEMLIMIT in the environment count more.
func collectEarly(env []string, limit int64) {
	set := func(name string) bool {
		return slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	}
	if !set("GOGC") {
		debug.SetGCPercent(50)
	}
	if limit > 0 && !set("GOMEMLIMIT") {
		debug.SetMemoryLimit(limit)
	}
}

func up(ctx context.Context, cfg config.Config, run assemble.LastRun, log *slog.Logger) (err error) {
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	if err := mayUse(cfg.Data); err != nil {
		return err
	}
	l, err := assemble.Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := serve.CheckListen(cfg.Listen, !cfg.KeysRequired() || l.Keys.Active(keys.Write) > 0); err != nil {
		return &usageError{err}
	}
	if err := remember(l, run); err != nil {
		return err
	}
	answerer, err := openPool(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answerer.Close()) }()
	return l.Up(ctx, sqlHandler(l, answerer), func(url string) {
		log.Info("the lake is up", "url", url, "data", cfg.Data, "keys", cfg.KeysRequired())
	})
}

// remember leaves in the data directory which file the lake is run with, and
// says so when it is another one than before: its rules differ then.
func remember(l *assemble.Local, run assemble.LastRun) error {
	before, ok, err := assemble.ReadLastRun(l.Config.Data)
	if err != nil && !errors.Is(err, lake.ErrCorrupt) { // a damaged one is written anew
		return err
	}
	if ok && before.Found && before.Config != run.Config {
		l.Log.Warn("the lake was last run with another configuration file", "before", before.Config, "now", run.Config, "found", run.Found)
	}
	return l.Remember(run)
}

// openEngine opens SQL over the tables of a data directory.
func openEngine(ctx context.Context, cfg config.Config, catalog lake.Catalog, log *slog.Logger) (*duckdb.Engine, error) {
	engine, err := duckdb.Open(ctx, duckdb.Config{
		Catalog: catalog, Root: cfg.Data, MemoryLimit: int64(cfg.Query.Memory), Threads: cfg.Query.Threads,
		Timeout: cfg.Query.Timeout, Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("open the SQL engine: %w", err)
	}
	return engine, nil
}
