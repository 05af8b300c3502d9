package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// removeBatch is how many files are removed while the SQLite row is held.
const removeBatch = 256

// Maintain implements lake.Catalog. A snapshot's age counts from when it was
// replaced, so a reader that looked the table up within keep finds all its
// files. Branches and tags that other engines made are kept. keep must be longer
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
	old, err := c.oldFiles(st.table.Location, limit, nil)
	if err != nil {
		return false, err
	}
	if len(old) == 0 {
		return true, nil
	}
	named, err := c.named(ctx, st)
	if err != nil {
		return false, err
	}
	garbage := slices.DeleteFunc(old, func(f garbageFile) bool { return named[f.key] })
	for len(garbage) > 0 {
		n := min(len(garbage), removeBatch)
		ok, err := c.rows.hold(ctx, name, st.uri, func(tx *sql.Tx) error {
			if err := c.remove(garbage[:n], done); err != nil || n < len(garbage) {
				return err
			}
			return c.rows.pruneSums(ctx, tx, name, func(file string) bool { return named[st.table.Location+"/"+lake.Key(file)] })
		})
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
	next, won, err := c.without(ctx, st, ids, func(*table.MetadataBuilder) {})
	if err == nil && won {
		done.Snapshots += len(ids)
	}
	return next, won, err
}

// without publishes metadata that is as before but for some snapshots and what
// change does. It reports false when the table was changed by another.
func (c *Catalog) without(ctx context.Context, st *state, ids []int64, change func(*table.MetadataBuilder)) (*state, bool, error) {
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
	change(b)
	p := c.newStage(st.table.Name, st.uri)
	if err := p.metadata(b, st.meta); err != nil {
		return nil, false, err
	}
	next := *st
	next.uri, next.meta = p.to, p.meta
	p.next = &next
	won, err := c.publish(ctx, p)
	return p.next, won, err
}

// garbageFile is a file that could be removed.
type garbageFile struct {
	key   lake.Key
	bytes int64
}

// oldFiles lists the files below dir that were last written before the limit.
func (c *Catalog) oldFiles(dir lake.Key, limit lake.Instant, into []garbageFile) ([]garbageFile, error) {
	entries, err := c.fs.ReadDir(filepath.Clean(c.path(dir)))
	if disk.IsNotExist(err) {
		return into, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, e := range entries {
		k := dir + "/" + lake.Key(e.Name)
		switch {
		case e.Dir:
			if into, err = c.oldFiles(k, limit, into); err != nil {
				return nil, err
			}
		case lake.InstantOf(e.ModTime) < limit:
			into = append(into, garbageFile{k, e.Size})
		}
	}
	return into, nil
}

func (c *Catalog) remove(files []garbageFile, done *lake.Maintenance) error {
	for _, f := range files {
		if err := c.fs.Remove(c.path(f.key)); err != nil {
			if disk.IsNotExist(err) {
				continue
			}
			return fmt.Errorf("remove %s: %w", f.key, err)
		}
		done.Files++
		done.Bytes += f.bytes
	}
	return nil
}
