package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// Catalog is a lake.Catalog in memory. A commit is there whole or not at all, so
// a crash is nothing but dropping what the caller held; it survives as the value
// itself. It keeps no files: Maintain deletes unnamed ones through Store, when
// that is set.
type Catalog struct {
	Clock lake.Clock // time of snapshots; nil is the machine's
	Store lake.Store // where the tables' files lie; nil: files are only names

	mu     sync.Mutex
	tables map[lake.TableName][]lake.Table // states, oldest first
	last   lake.SnapshotID
}

var _ lake.Catalog = (*Catalog)(nil)

// NewCatalog makes an empty catalog.
func NewCatalog() *Catalog { return &Catalog{tables: map[lake.TableName][]lake.Table{}} }

func (c *Catalog) now() lake.Instant {
	if c.Clock == nil {
		return lake.SystemClock()
	}
	return c.Clock()
}

// Tables implements lake.Catalog.
func (c *Catalog) Tables(ctx context.Context) ([]lake.TableName, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.tables)), nil
}

// Table implements lake.Catalog.
func (c *Catalog) Table(ctx context.Context, name lake.TableName) (lake.Table, error) {
	if err := ctx.Err(); err != nil {
		return lake.Table{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	states := c.tables[name]
	if len(states) == 0 {
		return lake.Table{}, fmt.Errorf("table %s: %w", name, lake.ErrNotFound)
	}
	return copyTable(states[len(states)-1]), nil
}

// Commit implements lake.Catalog.
func (c *Catalog) Commit(ctx context.Context, tc lake.TableCommit) (lake.Table, error) {
	if err := ctx.Err(); err != nil {
		return lake.Table{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var old lake.Table
	if states := c.tables[tc.Table]; len(states) > 0 {
		old = states[len(states)-1]
	}
	if old.Snapshot != tc.Base {
		return lake.Table{}, fmt.Errorf("commit to table %s on snapshot %d: the snapshot is %d: %w", tc.Table, tc.Base, old.Snapshot, lake.ErrStale)
	}
	files, err := applyFiles(old.Files, tc)
	if err != nil {
		return lake.Table{}, fmt.Errorf("commit to table %s: %w", tc.Table, err)
	}
	c.last++
	next := lake.Table{
		Name: tc.Table, Schema: tc.Schema.Clone(), Snapshot: c.last, Time: max(c.now(), old.Time),
		Consumed: maps.Clone(old.Consumed), Summary: maps.Clone(tc.Summary), Files: files, Location: lake.Key("tables/" + string(tc.Table)),
	}
	if next.Consumed == nil {
		next.Consumed = map[lake.ShardID]lake.Position{}
	}
	if next.Summary == nil {
		next.Summary = map[string]string{}
	}
	for s, p := range tc.Consumed {
		if q, ok := next.Consumed[s]; !ok || p.After(q) {
			next.Consumed[s] = p
		}
	}
	c.tables[tc.Table] = append(c.tables[tc.Table], next)
	return copyTable(next), nil
}

// applyFiles returns the files after a commit, sorted by key.
func applyFiles(old []lake.DataFile, tc lake.TableCommit) ([]lake.DataFile, error) {
	gone := make(map[lake.Key]bool, len(tc.Remove))
	for _, f := range tc.Remove {
		if _, ok := findFile(old, f.Key); !ok {
			return nil, fmt.Errorf("remove %s: not in the snapshot: %w", f.Key, lake.ErrStale)
		}
		if gone[f.Key] {
			return nil, lake.Errorf(lake.ErrInvalid, "", "data file %s is named twice", f.Key)
		}
		gone[f.Key] = true
	}
	files := make([]lake.DataFile, 0, len(old)+len(tc.Add))
	for _, f := range old {
		if !gone[f.Key] {
			files = append(files, f)
		}
	}
	for _, f := range tc.Add {
		if _, ok := findFile(old, f.Key); ok || gone[f.Key] {
			return nil, lake.Errorf(lake.ErrInvalid, "", "add %s: it is in the table already", f.Key)
		}
		f.Columns = nil
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b lake.DataFile) int { return strings.Compare(string(a.Key), string(b.Key)) })
	for i := 1; i < len(files); i++ {
		if files[i].Key == files[i-1].Key {
			return nil, lake.Errorf(lake.ErrInvalid, "", "data file %s is named twice", files[i].Key)
		}
	}
	return files, nil
}

func findFile(files []lake.DataFile, k lake.Key) (int, bool) {
	return slices.BinarySearchFunc(files, k, func(f lake.DataFile, k lake.Key) int { return strings.Compare(string(f.Key), string(k)) })
}

func copyTable(t lake.Table) lake.Table {
	t.Schema = t.Schema.Clone()
	t.Files = slices.Clone(t.Files)
	t.Consumed = maps.Clone(t.Consumed)
	t.Summary = maps.Clone(t.Summary)
	return t
}

// Maintain implements lake.Catalog. A snapshot's age counts from when it was
// replaced.
func (c *Catalog) Maintain(ctx context.Context, name lake.TableName, keep time.Duration) (lake.Maintenance, error) {
	var done lake.Maintenance
	c.mu.Lock()
	defer c.mu.Unlock()
	states, limit := c.tables[name], c.now().Add(-max(keep, 0))
	if len(states) == 0 {
		return done, fmt.Errorf("maintain table %s: %w", name, lake.ErrNotFound)
	}
	for len(states) > 1 && states[1].Time <= limit {
		states = states[1:]
		done.Snapshots++
	}
	c.tables[name] = slices.Clone(states)
	if c.Store == nil {
		return done, nil
	}
	named := map[lake.Key]bool{}
	for _, s := range states {
		for _, f := range s.Files {
			named[f.Key] = true
		}
	}
	var garbage []lake.Info
	for info, err := range c.Store.List(ctx, states[0].Location+"/") {
		if err != nil {
			return done, fmt.Errorf("maintain table %s: %w", name, err)
		}
		if !named[info.Key] && info.Time < limit {
			garbage = append(garbage, info)
		}
	}
	for _, info := range garbage {
		if err := c.Store.Delete(ctx, info.Key); err != nil {
			return done, fmt.Errorf("maintain table %s: %w", name, err)
		}
		done.Files++
		done.Bytes += info.Bytes
	}
	return done, nil
}
