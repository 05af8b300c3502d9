package curate

import (
	"container/list"
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/FastFilter/xorfilter"

	"github.com/eventlake/lake"
)

// filters keeps a filter over the ids of each data file that was asked for, 9
// bits an id, up to a limit in bytes; those used longest ago go first. Files
// never change, so neither do filters.
type filters struct {
	mu    sync.Mutex
	limit int
	bytes int
	byKey map[lake.Key]*list.Element
	order *list.List // front: used last
}

type fileFilter struct {
	key    lake.Key
	filter *xorfilter.BinaryFuse8
}

func newFilters(limit int) *filters {
	return &filters{limit: limit, byKey: map[lake.Key]*list.Element{}, order: list.New()}
}

// filterKey is the part of an id that filters hold; an id is a hash.
func filterKey(id lake.ID) uint64 { return binary.BigEndian.Uint64(id[:]) }

func (c *filters) of(ctx context.Context, store lake.Store, f lake.DataFile) (*xorfilter.BinaryFuse8, error) {
	c.mu.Lock()
	if e := c.byKey[f.Key]; e != nil {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(fileFilter).filter, nil
	}
	c.mu.Unlock()
	keys := make([]uint64, 0, f.Rows)
	if err := eachID(ctx, store, f, true, func(id lake.ID) { keys = append(keys, filterKey(id)) }); err != nil {
		return nil, err
	}
	filter, err := xorfilter.PopulateBinaryFuse8(keys)
	if err != nil {
		return nil, fmt.Errorf("filter over %s: %w", f.Key, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[f.Key] == nil {
		c.byKey[f.Key] = c.order.PushFront(fileFilter{f.Key, filter})
		c.bytes += len(filter.Fingerprints)
	}
	for c.bytes > c.limit && c.order.Len() > 1 {
		e := c.order.Back()
		old := c.order.Remove(e).(fileFilter)
		delete(c.byKey, old.key)
		c.bytes -= len(old.filter.Fingerprints)
	}
	return filter, nil
}
