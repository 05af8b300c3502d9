package curate

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/parquetfile"
)

// idColumn is event_id.
const idColumn lake.ColumnID = 1

// filters keeps filters over the ids of data files, up to a limit in bytes.
// Those used longest ago go first, but none that the running comparison has
// used: of a day that is more than the limit a part stays, instead of each file
// making room for the next. Files never change, so neither do filters.
type filters struct {
	mu    sync.Mutex
	limit int
	bytes int
	now   int // counts comparisons
	byKey map[lake.Key]*list.Element
	order *list.List // front: used last
}

// fileFilter is a filter for each row group of a file.
type fileFilter struct {
	key    lake.Key
	groups []parquetfile.Filter
	parts  bool // the file has them itself, and its ids can be read by themselves
	used   int  // by which comparison last
}

func newFilters(limit int) *filters {
	return &filters{limit: limit, byKey: map[lake.Key]*list.Element{}, order: list.New()}
}

// begin tells that a comparison begins.
func (c *filters) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
}

// of returns the filters of a file. It reads them, or, where the file has none,
// all of it: its ids, and the rest because a checksum is over the whole.
func (c *filters) of(ctx context.Context, store lake.Store, f lake.DataFile) (*fileFilter, error) {
	c.mu.Lock()
	if e := c.byKey[f.Key]; e != nil {
		c.order.MoveToFront(e)
		found := e.Value.(*fileFilter)
		found.used = c.now
		c.mu.Unlock()
		return found, nil
	}
	c.mu.Unlock()
	found, err := readFilter(ctx, store, f)
	if err != nil {
		return nil, err
	}
	c.put(found)
	return found, nil
}

// put keeps the filters of a file that was just read or written.
func (c *filters) put(f *fileFilter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[f.key] != nil {
		return
	}
	f.used = c.now
	for size := f.bytes(); c.bytes+size > c.limit; {
		e := c.order.Back()
		if e == nil || e.Value.(*fileFilter).used == c.now {
			return
		}
		old := c.order.Remove(e).(*fileFilter)
		delete(c.byKey, old.key)
		c.bytes -= old.bytes()
	}
	c.byKey[f.key] = c.order.PushFront(f)
	c.bytes += f.bytes()
}

func (f *fileFilter) bytes() (n int) {
	for _, g := range f.groups {
		n += g.Bytes()
	}
	return n
}

func readFilter(ctx context.Context, store lake.Store, f lake.DataFile) (*fileFilter, error) {
	found := &fileFilter{key: f.Key}
	err := withObject(ctx, store, f, func(obj lake.Object) error {
		pf, parts, err := openIDs(ctx, obj, f)
		if err != nil {
			return err
		}
		found.parts = parts
		for group, rows := range pf.Groups() {
			filter, err := groupFilter(pf, found.parts, group, rows)
			if err != nil {
				return err
			}
			found.groups = append(found.groups, filter)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// groupFilter is the filter that the file has, or else one made of the ids.
func groupFilter(pf *parquetfile.File, parts bool, group, rows int) (parquetfile.Filter, error) {
	if parts {
		filter, err := pf.Filter(group, idColumn)
		if err == nil || !errors.Is(err, lake.ErrCorrupt) {
			return filter, err
		}
	}
	ids, err := readIDs(pf, parts, group, rows)
	if err != nil {
		return parquetfile.Filter{}, err
	}
	filter := parquetfile.NewFilter(rows)
	filter.AddAll(ids)
	return filter, nil
}
