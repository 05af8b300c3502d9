package curate

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/eventlake/lake"
)

// mostFiles is more raw files than any cycle takes in.
const mostFiles = 1 << 30

// staleTries is how often a table is read again and its commit redone.
const staleTries = 5

// Once takes in everything that is pending now, cycle by cycle. After an error
// a repeat goes on where it stopped; a table that fails does not keep the
// others from being taken in.
func (c *Curator) Once(ctx context.Context) (Report, error) {
	c.once.Lock()
	defer c.once.Unlock()
	var report Report
	failed := map[lake.TableName]error{}
	for {
		more, err := c.cycle(ctx, &report, failed)
		if err != nil {
			return report, errors.Join(append([]error{err}, values(failed)...)...)
		}
		if !more {
			return report, errors.Join(values(failed)...)
		}
	}
}

func values(m map[lake.TableName]error) []error {
	out := make([]error, 0, len(m))
	for _, err := range m {
		out = append(out, err)
	}
	return out
}

// cycle makes at most one commit a table and moves the curated mark. It
// reports whether there may be more to do.
func (c *Curator) cycle(ctx context.Context, report *Report, failed map[lake.TableName]error) (more bool, err error) {
	files, err := c.config.Backlog.Pending(ctx)
	if err != nil {
		return false, fmt.Errorf("pending raw files: %w", err)
	}
	if len(files) == 0 {
		return false, nil
	}
	table := func(name lake.TableName) (lake.Table, error) { return c.table(ctx, name) }
	p, err := splitPending(files, table)
	if err != nil {
		return false, err
	}
	units := p.units(c.config.Limits.CycleBytes, c.files, failed)
	for _, u := range units {
		if err := c.curate(ctx, u, report); err != nil {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			failed[u.table] = fmt.Errorf("table %s: %w", u.table, err)
		}
	}
	c.files = min(4*c.files, mostFiles)
	if p, err = splitPending(files, table); err != nil {
		return false, err
	}
	if mark := p.mark(); len(mark) > 0 {
		if err := c.config.Backlog.MarkCurated(ctx, mark); err != nil {
			return false, fmt.Errorf("mark as curated: %w", err)
		}
	}
	return len(units) > 0, nil
}

// curate makes one commit of the unit's files, and redoes it from the table's
// new state when that has moved on.
func (c *Curator) curate(ctx context.Context, u unit, report *Report) error {
	release, err := c.lock(ctx, u.table)
	if err != nil {
		return err
	}
	defer release()
	for try := 1; ; try++ {
		err := c.attempt(ctx, u, report)
		if err == nil {
			return nil
		}
		c.forget(u.table)
		if !errors.Is(err, lake.ErrStale) || try == staleTries {
			return err
		}
	}
}

func (c *Curator) attempt(ctx context.Context, u unit, report *Report) error {
	t, err := c.table(ctx, u.table)
	if err != nil {
		return err
	}
	var files []lake.File
	for _, f := range u.files {
		if !t.Has(f) {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil // an earlier try, or another process, had done it
	}
	b, err := c.builder(t)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := b.take(ctx, f); err != nil {
			return errors.Join(err, b.discard(ctx))
		}
	}
	if err := b.finish(ctx); err != nil {
		return errors.Join(err, b.discard(ctx))
	}
	if len(b.files) == 0 && t.Snapshot == 0 { // done again and again, it would never end
		return fmt.Errorf("no event in %d raw files, from %s on, to make the table of: %w", len(files), files[0].Key, lake.ErrCorrupt)
	}
	next, err := c.commit(ctx, t, b)
	if err != nil {
		if errors.Is(err, lake.ErrStale) { // certainly not committed
			return errors.Join(err, b.discard(ctx))
		}
		return err
	}
	c.remember(next)
	c.keepSpare(b)
	c.count(u.table, b, report)
	return nil
}

func (c *Curator) builder(t lake.Table) (*builder, error) {
	attempt, err := newAttempt()
	if err != nil {
		return nil, err
	}
	sp := c.takeSpare(t)
	b := &builder{
		store: c.config.Store, lines: c.config.Lines, limits: c.config.Limits, lateAfter: c.config.LateAfter, forgotten: forgotten(c.config.Forgotten), filters: c.filters,
		table: t.Name, location: t.Location, attempt: attempt, enc: c.enc,
		shred:     sp.shred,
		seen:      sp.seen,
		known:     byDay(t.Files),
		after:     maps.Clone(t.Consumed),
		schema:    t.Schema,
		conflicts: map[string]int64{},
		consumed:  map[lake.ShardID]lake.Position{},
	}
	return b, nil
}

func byDay(files []lake.DataFile) map[lake.Day][]lake.DataFile {
	out := map[lake.Day][]lake.DataFile{}
	for _, f := range files {
		out[f.Day] = append(out[f.Day], f)
	}
	return out
}

func (c *Curator) commit(ctx context.Context, t lake.Table, b *builder) (lake.Table, error) {
	s, err := summary("append", t, b.late, b.conflicts)
	if err != nil {
		return t, err
	}
	next, err := c.config.Catalog.Commit(ctx, lake.TableCommit{
		Table: t.Name, Base: t.Snapshot, Schema: b.schema, Add: b.files, Consumed: b.consumed, Summary: s,
	})
	if err != nil {
		return t, fmt.Errorf("commit %d rows: %w", b.rows, err)
	}
	return next, nil
}

func (c *Curator) count(table lake.TableName, b *builder, report *Report) {
	report.Commits++
	report.Events += b.events
	report.Rows += b.rows
	report.Files += len(b.files)
	report.Bytes += b.bytes
	report.LateDuplicates += b.late.Total
	for _, n := range b.conflicts {
		report.Conflicts += n
	}
	c.metrics.commit(table, b)
}
