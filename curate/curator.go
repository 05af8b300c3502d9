package curate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/parquetfile"
)

// Curator is the curate stage. Its methods may be called from any goroutine;
// work on one table is done by one at a time.
type Curator struct {
	config  Config
	wake    chan struct{}
	hurry   chan struct{}
	filters *filters
	metrics *metrics

	mu     sync.Mutex
	tables map[lake.TableName]lake.Table    // as last seen; a commit from an old one is refused as stale
	locks  map[lake.TableName]chan struct{} // one token each

	once       sync.Mutex // one Once at a time; it guards the next three
	files      int        // how many raw files the next cycle may take in
	enc        *parquetfile.Encoder
	spares     map[lake.TableName]spare
	compacting sync.Mutex // one Compact at a time; it guards the next one
	mergeEnc   *parquetfile.Encoder
}

// Report is what Once did.
type Report struct {
	Commits        int   `json:"commits"`         // table commits
	Events         int64 `json:"events"`          // raw events read and not consumed before
	Rows           int64 `json:"rows"`            // rows that became visible
	Files          int   `json:"files"`           // data files added
	Bytes          int64 `json:"bytes"`           // of those files
	LateDuplicates int64 `json:"late_duplicates"` // events dropped because the table has their id
	Conflicts      int64 `json:"conflicts"`       // values that went to a sibling column
}

// filterLimit bounds the filters over ids that are kept between comparisons, in
// bytes.
func filterLimit(l Limits) int { return int(l.Memory / 2) }

// New checks the configuration and returns a Curator that has done nothing yet.
func New(c Config) (*Curator, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	enc, err := parquetfile.NewEncoder()
	if err != nil {
		return nil, err
	}
	mergeEnc, err := parquetfile.NewEncoder()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Registerer)
	if err != nil {
		return nil, err
	}
	return &Curator{
		config: c, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), filters: newFilters(filterLimit(c.Limits)), metrics: m,
		files: c.Limits.CycleFiles, enc: enc, mergeEnc: mergeEnc,
		spares: map[lake.TableName]spare{}, tables: map[lake.TableName]lake.Table{}, locks: map[lake.TableName]chan struct{}{},
	}, nil
}

// Exclusive waits until nothing else works on the table and keeps it so until
// release is called. A rebuild holds it while it swaps the table's files.
func (c *Curator) Exclusive(ctx context.Context, table lake.TableName) (release func(), err error) {
	unlock, err := c.lock(ctx, table)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() {
		c.forget(table) // its holder may have changed it
		unlock()
	}), nil
}

// lock is Exclusive without forgetting the table's state: whoever holds it
// keeps that state current.
func (c *Curator) lock(ctx context.Context, table lake.TableName) (unlock func(), err error) {
	c.mu.Lock()
	lock := c.locks[table]
	if lock == nil {
		lock = make(chan struct{}, 1)
		c.locks[table] = lock
	}
	c.mu.Unlock()
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// table returns the table as last seen, or reads it. A table that does not
// exist yet has no snapshot.
func (c *Curator) table(ctx context.Context, name lake.TableName) (lake.Table, error) {
	c.mu.Lock()
	t, ok := c.tables[name]
	c.mu.Unlock()
	if ok {
		return t, nil
	}
	t, err := c.config.Catalog.Table(ctx, name)
	if errors.Is(err, lake.ErrNotFound) {
		return lake.Table{Name: name}, nil
	}
	if err != nil {
		return t, fmt.Errorf("table %s: %w", name, err)
	}
	c.remember(t)
	return t, nil
}

func (c *Curator) remember(t lake.Table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tables[t.Name] = t
}

func (c *Curator) forget(name lake.TableName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tables, name)
}

// Wake makes Run look at the backlog as soon as its interval allows.
func (c *Curator) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Hurry makes Run look at the backlog now, without waiting for its interval.
func (c *Curator) Hurry() {
	select {
	case c.hurry <- struct{}{}:
	default:
	}
}

// idleIntervals is after how many intervals Run looks without being woken.
const idleIntervals = 5

// Waits between tries after errors.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Run takes in what is pending until ctx ends, and returns ctx's error. It
// looks when it is woken, but at most once an interval, and after a few
// intervals in any case. A failed cycle is logged and tried again with
// back-off; it loses nothing.
func (c *Curator) Run(ctx context.Context) error {
	retry := firstRetry
	for {
		begun := time.Now()
		report, err := c.Once(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if report.Commits > 0 {
			c.config.Logger.Debug("curated", "commits", report.Commits, "rows", report.Rows, "files", report.Files,
				"bytes", report.Bytes, "late_duplicates", report.LateDuplicates, "conflicts", report.Conflicts,
				"took", time.Since(begun))
		}
		if err != nil {
			c.metrics.errors.Inc()
			c.config.Logger.Error("curate", "error", err, "hint", lake.Hint(err), "retry_in", retry)
			if err := lake.Sleep(ctx, retry); err != nil {
				return err
			}
			retry = min(2*retry, lastRetry)
			continue
		}
		retry = firstRetry
		if err := c.wait(ctx, begun); err != nil {
			return err
		}
	}
}

func (c *Curator) wait(ctx context.Context, begun time.Time) error {
	idle := time.NewTimer(idleIntervals * c.config.Interval)
	defer idle.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-idle.C:
	case <-c.hurry:
		return nil
	case <-c.wake:
	}
	rest := time.NewTimer(c.config.Interval - time.Since(begun))
	defer rest.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.hurry:
	case <-rest.C:
	}
	return nil
}
