package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/assemble/front"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/duckdb"
	"github.com/eventlake/lake/query"
	"github.com/eventlake/lake/query/pool"
	"github.com/eventlake/lake/serve/api"
)

// sqlProcess is the command that a running lake starts itself with.
const sqlProcess = "sql-process"

// sqlSetup is what a process for SQL must know of the configuration.
type sqlSetup struct {
	Data    string     `json:"data"`
	Memory  int64      `json:"memory"`
	Spill   int64      `json:"spill"`
	Threads int        `json:"threads"`
	Level   slog.Level `json:"level"`
}

const (
	// leastPart is the memory below which the engine cannot run a statement.
	leastPart = 32 * config.MiB
	// spill is the disk that all statements may take for what does not fit.
	spill = 4 << 30
)

// openPool starts the processes that answer SQL over HTTP.
func openPool(ctx context.Context, cfg config.Config, log *slog.Logger) (*pool.Pool, error) {
	part := int64(max(cfg.Query.Memory/config.Size(cfg.Query.Concurrent), leastPart))
	setup := sqlSetup{Data: cfg.Data, Memory: part, Spill: spill / int64(cfg.Query.Concurrent), Threads: cfg.Query.Threads, Level: slog.LevelWarn}
	command, err := sqlCommand(ctx)
	if err != nil {
		return nil, err
	}
	ended := func() {
		if err := duckdb.Clean(cfg.Data); err != nil {
			log.Warn("what a sql process left stays for now", "err", err)
		}
	}
	return pool.Open(ctx, pool.Config{Command: command, Setup: setup, Size: cfg.Query.Concurrent, Memory: part, Ended: ended, Logger: log})
}

// sqlCommand makes this program again: on Linux the one that runs, also when its
// file has been replaced by a newer one.
func sqlCommand(ctx context.Context) (func() *exec.Cmd, error) {
	self := "/proc/self/exe"
	if _, err := os.Stat(self); err != nil {
		if self, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	return func() *exec.Cmd {
		c := exec.CommandContext(context.WithoutCancel(ctx), self, sqlProcess) // the pool ends it, in order
		c.Args[0] = "lake"
		return c
	}, nil
}

func newSQLProcess(a *app) *cobra.Command {
	return &cobra.Command{
		Use: sqlProcess, Short: "Answer SQL for a running lake, which starts it", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			// What ends the lake's whole process group must not end the statements
			// that it still answers: this process ends when its input does.
			signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			collectEarly(a.env, 0)
			return pool.Serve(context.WithoutCancel(c.Context()), a.in, a.out, a.answerer)
		},
	}
}

// answerer opens SQL over the data directory, in a process of its own.
func (a *app) answerer(ctx context.Context, setup json.RawMessage) (query.Answerer, func() error, error) {
	var s sqlSetup
	if err := json.Unmarshal(setup, &s); err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: s.Level}))
	tables, err := catalog.Open(ctx, s.Data, catalog.Options{Logger: log})
	if err != nil {
		return nil, nil, err
	}
	e, err := duckdb.Open(ctx, duckdb.Config{
		Catalog: tables, Root: s.Data, MemoryLimit: s.Memory, SpillLimit: s.Spill, Threads: s.Threads, Logger: log,
	})
	if err != nil {
		return nil, nil, errors.Join(err, tables.Close())
	}
	return query.Direct(e, query.Bounds{}), func() error { return errors.Join(e.Close(), tables.Close()) }, nil
}

// sqlHandler serves POST /v1/sql to callers with a read key.
func sqlHandler(l *assemble.Local, answerer query.Answerer) http.Handler {
	var authenticate api.Authenticator
	if l.Config.KeysRequired() {
		authenticate = front.Authenticator(l.Keys)
	}
	limits := query.Limits{
		Rows: int64(l.Config.Query.Rows), Timeout: l.Config.Query.Timeout, Concurrent: l.Config.Query.Concurrent,
	}
	return authenticate.Guard(query.Handler(answerer, limits, nil, l.Log), api.Read)
}
