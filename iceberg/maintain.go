package iceberg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// removeBatch is how many files are removed while the pointer is held.
const removeBatch = 256

// Maintain implements lake.Catalog. A snapshot's age counts from when it was
// replaced, so a reader that looked the table up within keep finds all its
// files, also when commits have forgotten the snapshot since. Branches and tags that other engines made are kept. keep must be longer
// than any writer takes from writing a data file to committing it.
func (c *Catalog) Maintain(ctx context.Context, name lake.TableName, keep time.Duration) (lake.Maintenance, error) {
	defer c.lock(name)()
	var done lake.Maintenance
	for range attempts {
		finished, err := c.maintain(ctx, name, c.clock().Add(-max(keep, 0)), &done)
		if err != nil {
			return done, fmt.Errorf("maintain table %s: %w", name, err)
		}
		if finished {
			return done, nil
		}
	}
	return done, nil // another process keeps changing the table; the next run goes on
}

// maintain does one round; it reports false when the table changed meanwhile.
func (c *Catalog) maintain(ctx context.Context, name lake.TableName, limit lake.Instant, done *lake.Maintenance) (bool, error) {
	st, err := c.current(ctx, name)
	if err != nil {
		return false, err
	}
	st, ok, err := c.expire(ctx, st, limit, done)
	if err != nil || !ok {
		return false, err
	}
	all, err := c.filesBelow(ctx, st.table.Location+"/")
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(all, func(f lake.Info) bool { return f.Time < limit }) {
		return true, nil
	}
	lingering, tellers, err := c.lingering(ctx, st, all, limit)
	if err != nil {
		return false, err
	}
	named, err := c.named(ctx, st, lingering)
	if err != nil {
		return false, err
	}
	for _, k := range tellers {
		named[k] = true
	}
	garbage := slices.DeleteFunc(all, func(f lake.Info) bool { return f.Time >= limit || named[f.Key] })
	for len(garbage) > 0 {
		n := min(len(garbage), removeBatch)
		var last Named
		if n == len(garbage) {
			last = func(k lake.Key) bool { return named[k] }
		}
		ok, err := c.pointer.Hold(ctx, name, st.uri, func() error { return c.remove(ctx, garbage[:n], done) }, last)
		if err != nil || !ok {
			return false, err
		}
		garbage = garbage[n:]
	}
	return true, nil
}

// expire forgets old snapshots in the metadata. Their files are then unnamed.
func (c *Catalog) expire(ctx context.Context, st *state, limit lake.Instant, done *lake.Maintenance) (*state, bool, error) {
	ids := expired(st.meta, int64(st.table.Snapshot), int64(limit)/1000)
	if len(ids) == 0 {
		return st, true, nil
	}
	next, won, err := c.without(ctx, st, ids, func(*staged, *table.MetadataBuilder) error { return nil })
	if err == nil && won {
		done.Snapshots += len(ids)
	}
	return next, won, err
}

// without publishes metadata that is as before but for some snapshots and what
// change does. It reports false when the table was changed by another.
func (c *Catalog) without(ctx context.Context, st *state, ids []int64, change func(*staged, *table.MetadataBuilder) error) (*state, bool, error) {
	b, err := table.MetadataBuilderFromBase(st.meta, st.uri)
	if err != nil {
		return nil, false, err
	}
	mark, err := stamp(b, st.meta.LastSequenceNumber(), max(c.clock().Time().UnixMilli(), st.meta.LastUpdatedMillis()))
	if err != nil {
		return nil, false, err
	}
	if err := forget(b, st.meta, append(ids, mark)); err != nil {
		return nil, false, err
	}
	p := c.newStage(st.table.Name, st.uri)
	if err := change(p, b); err != nil {
		return nil, false, err
	}
	if err := p.metadata(b, st.meta); err != nil {
		return nil, false, err
	}
	next := *st
	next.uri, next.meta = p.to, p.meta
	p.next = &next
	won, err := c.publish(ctx, p)
	return p.next, won, err
}

// filesBelow lists the files below dir.
func (c *Catalog) filesBelow(ctx context.Context, dir lake.Key) (all []lake.Info, err error) {
	for f, err := range c.files.List(ctx, dir) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", dir, err)
		}
		all = append(all, f)
	}
	return all, nil
}

func (c *Catalog) remove(ctx context.Context, files []lake.Info, done *lake.Maintenance) error {
	var mu sync.Mutex
	return c.each(ctx, len(files), func(ctx context.Context, i int) error {
		err := c.files.Remove(ctx, files[i].Key)
		if errors.Is(err, lake.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("remove %s: %w", files[i].Key, err)
		}
		mu.Lock()
		defer mu.Unlock()
		done.Files++
		done.Bytes += files[i].Bytes
		return nil
	})
}
