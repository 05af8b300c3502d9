package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/duckdb"
	"github.com/eventlake/lake/query"
)

// formatNames are those of --format: parquet is the engine's own.
const formatNames = "table, csv, json, ndjson or parquet"

func newSQL(a *app) *cobra.Command {
	var format, output string
	c := &cobra.Command{
		Use: "sql [STATEMENT]", Short: "Ask the tables in SQL, or start a session",
		Long: `Run one statement over the current snapshots of the tables, or, without one, an interactive session (a
script when standard input is no terminal). Every event type is a table; events is a view over all of them.
Works beside a running lake and on a stopped one. SQL can only read, and only the lake's tables.`,
		Example: "  lake sql \"select event_type, count(*) from events group by 1 order by 2 desc\"\n" +
			"  lake sql --format csv \"select * from account\" > account.csv\n" +
			"  lake sql --format parquet -o account.parquet \"select * from account\"\n  lake sql",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if a.json && format == "table" {
				format = "json"
			}
			if _, err := query.ParseFormat(format); err != nil && format != "parquet" {
				return &usageError{lake.Errorf(lake.ErrInvalid, "one of "+formatNames, "format %q", format)}
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			return a.withEngine(c.Context(), cfg, func(e *duckdb.Engine, tables *catalog.Catalog) error {
				switch {
				case len(args) == 0:
					return a.session(c.Context(), e, tables)
				case format == "parquet":
					return a.sqlParquet(c.Context(), e, args[0], output)
				}
				return a.sqlOnce(c.Context(), e, args[0], format, output)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "table", formatNames)
	c.Flags().StringVarP(&output, "output", "o", "", "file to write (default standard output)")
	return c
}

// remarked lets a statement that begins with a remark ("-- ...") be one: no
// flag has a blank in its name, so a blank before it changes nothing else.
func remarked(args []string) []string {
	if !slices.Contains(args, "sql") {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		name, _, _ := strings.Cut(a, "=")
		if strings.HasPrefix(a, "--") && strings.ContainsAny(name, " \t\r\n") {
			args[i] = " " + a
		}
	}
	return args
}

// withEngine opens SQL over the data directory, beside whoever runs it.
func (a *app) withEngine(ctx context.Context, cfg config.Config, f func(*duckdb.Engine, *catalog.Catalog) error) (err error) {
	if err := mustExist(cfg.Data); err != nil {
		return err
	}
	log := a.quiet(cfg)
	tables, err := catalog.Open(ctx, cfg.Data, catalog.Options{Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tables.Close()) }()
	e, err := openEngine(ctx, cfg, tables, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return f(e, tables)
}

func (a *app) session(ctx context.Context, e *duckdb.Engine, tables lake.Catalog) error {
	o := query.SessionOptions{Err: a.err}
	input := a.stdin(ctx)
	if in, ok := a.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		a.interrupts.leave() // Ctrl-C stops a statement there, not the program
		o.Terminal, input = true, in
		o.Width = a.width
		if dir, err := os.UserCacheDir(); err == nil {
			o.History = filepath.Join(dir, "lake-sql-history")
		}
	}
	return query.REPL(ctx, e, tables, input, a.out, o)
}

// width is the terminal's number of columns, 0 when the output is none.
func (a *app) width() int {
	if out, ok := a.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(out.Fd())); err == nil {
			return w
		}
	}
	return 0
}

func (a *app) sqlOnce(ctx context.Context, e *duckdb.Engine, sql, format, output string) (err error) {
	f, err := query.ParseFormat(format)
	if err != nil {
		return err
	}
	start := time.Now()
	rows, err := query.Run(ctx, e, 0, sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return a.toOutput(output, func(w io.Writer) error {
		o := query.Options{Elapsed: time.Since(start)}
		if output == "" {
			o.Width = a.width()
		}
		_, _, err := query.Write(w, rows, f, o)
		return err
	})
}

func (a *app) sqlParquet(ctx context.Context, e *duckdb.Engine, sql, output string) error {
	if out, ok := a.out.(*os.File); output == "" && ok && term.IsTerminal(int(out.Fd())) {
		return &usageError{lake.Errorf(lake.ErrInvalid, "add: -o FILE.parquet", "parquet on a terminal")}
	}
	return a.toOutput(output, func(w io.Writer) error {
		n, err := e.CopyParquet(ctx, strings.TrimSuffix(strings.TrimSpace(sql), ";"), w)
		if err == nil {
			fmt.Fprintf(a.err, "%s rows\n", count(n))
		}
		return err
	})
}

// toOutput writes to the file, or to standard output when it is "".
func (a *app) toOutput(file string, write func(io.Writer) error) (err error) {
	if file == "" {
		return write(a.out)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
