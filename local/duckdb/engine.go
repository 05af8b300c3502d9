package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
)

// Engine is a lake.Engine. It is safe for many goroutines.
type Engine struct {
	cfg     Config
	root    string // absolute, without symbolic links
	temp    string // "" when the data directory cannot be written
	planner *planner
	runner  database
}

// Open makes an engine over the tables of the catalog. It needs the data
// directory but not its lock: another process may write to the lake meanwhile.
// In a directory that it may not write to it works without spilling.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	root, err := filepath.Abs(cfg.Root)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return nil, fmt.Errorf("open the sql engine: %w", err)
	}
	e := &Engine{cfg: cfg, root: root, planner: newPlanner(cfg.MemoryLimit, cfg.Logger)}
	if e.temp, err = makeTemp(root); err != nil {
		cfg.Logger.Warn("queries cannot spill to disk", "err", err)
		e.temp = ""
	}
	e.runner.settings = e.settings()
	for _, d := range []*database{&e.planner.database, &e.runner} { // fail now rather than at the first query
		c, err := d.conn(ctx)
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		if err := c.close(nil); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

func (e *Engine) settings() []string {
	// Files are asked for by names in which nothing is a pattern: see literalPath.
	dirs := []string{text(filepath.Join(e.root, "tables")), text(literalPath(e.root, "tables"))}
	spill := "SET temp_directory = ''"
	if e.temp != "" {
		dirs = append(dirs, text(e.temp))
		spill = "SET temp_directory = " + text(e.temp)
	}
	return append([]string{
		"SET threads = " + strconv.Itoa(e.cfg.Threads),
		memoryLimit(e.cfg.MemoryLimit),
		spill,
		"SET max_temp_directory_size = '" + strconv.FormatInt(e.cfg.SpillLimit, 10) + " B'",
		"SET parquet_metadata_cache = true",
		"SET allowed_directories = [" + strings.Join(dirs, ", ") + "]",
	}, lockdown()...)
}

func memoryLimit(bytes int64) string {
	return "SET memory_limit = '" + strconv.FormatInt(bytes, 10) + " B'"
}

// Close ends the engine. Results that are still open stay readable until they
// are closed; Query fails with ErrClosed from now on.
func (e *Engine) Close() error {
	err := errors.Join(e.planner.database.close(), e.runner.close())
	if e.temp != "" {
		err = errors.Join(err, os.RemoveAll(e.temp))
	}
	return err
}

// Query implements lake.Engine. The whole result is computed before it
// returns; see QueryLimit.
func (e *Engine) Query(ctx context.Context, sql string, args ...any) (lake.Rows, error) {
	return e.QueryLimit(ctx, 0, sql, args...)
}

// QueryLimit is Query that computes no more than limit rows of the result, or
// all when limit is 0. A file that vanished under the statement, because its
// snapshot was replaced, makes it start again once with the new snapshot.
func (e *Engine) QueryLimit(ctx context.Context, limit int64, sql string, args ...any) (lake.Rows, error) {
	cancel := context.CancelFunc(func() {})
	if e.cfg.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, e.cfg.Timeout)
	}
	defer cancel()
	var rows *rows
	err := e.attempt(ctx, sql, func(j job) (err error) {
		rows, err = e.run(ctx, j, limit, args)
		return err
	})
	if err != nil {
		return nil, e.classify(ctx, err)
	}
	return rows, nil
}

// job is a checked statement and the files that it needs.
type job struct {
	statement
	db     *database
	tables []*lake.Table // that the statement may read, sorted; Files are those to be read
	events bool          // the view over all tables is needed
	about  bool          // it asks about the catalog, which only the planner's database has whole
}

// attempt prepares the statement and runs it, twice when it must.
func (e *Engine) attempt(ctx context.Context, sql string, run func(job) error) error {
	for again := false; ; again = true {
		j, err := e.prepare(ctx, sql)
		if err != nil {
			return err
		}
		if err = run(j); err == nil || again || !isMissing(err) {
			return err
		}
		e.cfg.Logger.Info("a snapshot was replaced under a query; trying again", "err", e.redact(err.Error()))
	}
}

// prepare checks the statement, loads its tables and chooses their files.
func (e *Engine) prepare(ctx context.Context, sql string) (j job, err error) {
	j.statement = split(sql)
	c, err := e.planner.database.conn(ctx)
	if err != nil {
		return j, err
	}
	defer func() { err = errors.Join(err, c.close(err)) }()
	said, err := check(ctx, c, j.query)
	if err != nil {
		return j, err
	}
	all, loaded, err := e.load(ctx, said)
	if err != nil {
		return j, err
	}
	found, planned, err := e.planner.plan(ctx, c, all, loaded, j.query)
	if err != nil {
		return j, err
	}
	if !planned { // say why, or go on without the filters
		if err := c.prepare(j.query); err != nil {
			return j, err
		}
	}
	if said.others && (!planned || len(found) > 0) {
		return j, fail(lake.ErrInvalid, "ask one after the other", "tables of the lake cannot be read together with DuckDB's own")
	}
	j.db = &e.runner
	if planned && len(found) == 0 && (said.others || len(said.tables) > 0) {
		j.db = &e.planner.database // SHOW, DESCRIBE: about tables, and no rows of any
	}
	j.about = said.others
	j.events = slices.Contains(said.tables, string(lake.EventsView))
	for _, t := range sorted(loaded) {
		if !j.events && !slices.Contains(said.tables, string(t.Name)) {
			continue
		}
		if planned {
			t.Files = keep(t, found)
		}
		j.tables = append(j.tables, t)
	}
	return j, nil
}

// load asks the catalog for the current state of the tables that a statement
// talks about, and of those that the planner has not seen yet.
func (e *Engine) load(ctx context.Context, said mentions) ([]lake.TableName, map[lake.TableName]*lake.Table, error) {
	all, err := e.cfg.Catalog.Tables(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list the tables: %w", err)
	}
	want := e.planner.unknown(all)
	everything := said.others
	for _, n := range said.tables {
		known := slices.Contains(all, lake.TableName(n))
		if known {
			want = append(want, lake.TableName(n))
		}
		everything = everything || !known && !slices.Contains(said.ctes, n)
	}
	if everything {
		want = slices.Clone(all)
	}
	slices.Sort(want)
	want = slices.Compact(want)
	states := make([]*lake.Table, len(want))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, n := range want {
		g.Go(func() error {
			t, err := e.cfg.Catalog.Table(gctx, n)
			if errors.Is(err, lake.ErrNotFound) {
				return nil // dropped since it was listed
			}
			if err != nil {
				return fmt.Errorf("load table %s: %w", n, err)
			}
			states[i] = &t
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	loaded := make(map[lake.TableName]*lake.Table, len(want))
	for i, n := range want {
		if states[i] != nil {
			loaded[n] = states[i]
		} else {
			all = slices.DeleteFunc(slices.Clone(all), func(a lake.TableName) bool { return a == n })
		}
	}
	return all, loaded, nil
}

// views makes what the job reads visible on the connection, to it alone.
func (e *Engine) views(ctx context.Context, c *conn, j job) error {
	if c.database != &e.runner {
		return nil // it has tables of these names
	}
	var full []*lake.Table
	for _, t := range j.tables {
		if len(t.Files) > 0 {
			full = append(full, t)
		}
		if _, err := c.ExecContext(ctx, view(e.root, t, t.Files)); err != nil {
			return err
		}
	}
	if !j.events {
		return nil
	}
	_, err := c.ExecContext(ctx, eventsView("CREATE OR REPLACE TEMP VIEW", full))
	return err
}
