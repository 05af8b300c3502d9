package curate

import (
	"context"
	"fmt"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/parquetfile"
)

// deferredBytes of late events, or an eighth of the memory for rows, are
// gathered before their days are looked through, so that a file is read once
// for many of them.
const deferredBytes = 8 << 20

// deferred is late events that wait to be compared with the ids of their day.
type deferred struct {
	lines  []byte
	events []lateEvent
}

type lateEvent struct {
	id       lake.ID
	hash     uint64 // for filters
	day      lake.Day
	from, to int // the line
	book     lake.Book
	known    bool // the table has the id
}

func (d *deferred) add(day lake.Day, id lake.ID, b lake.Book, line []byte) {
	from := len(d.lines)
	d.lines = append(d.lines, line...)
	d.events = append(d.events, lateEvent{id: id, hash: parquetfile.FilterHash(id), day: day, from: from, to: len(d.lines), book: b})
}

func (d *deferred) full(memory int64) bool {
	return int64(len(d.lines)) >= max(deferredBytes, memory/8)
}

func (d *deferred) reset() { d.lines, d.events = d.lines[:0], d.events[:0] }

// compare marks the events whose id a file of their day holds. Filters say
// which of them a row group may hold; only such ones make its ids be read.
func (d *deferred) compare(ctx context.Context, b *builder) error {
	b.filters.begin()
	days := map[lake.Day][]*lateEvent{}
	for i := range d.events {
		e := &d.events[i]
		days[e.day] = append(days[e.day], e)
	}
	for _, day := range sortedKeys(days) {
		for _, f := range b.known[day] {
			filter, err := b.filters.of(ctx, b.store, f)
			if err != nil {
				return err
			}
			if maybe := filter.candidates(days[day]); len(maybe) > 0 {
				if err := mark(ctx, b.store, f, filter.parts, maybe); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// candidates are the events that a row group may hold, by group.
func (f *fileFilter) candidates(events []*lateEvent) map[int]map[lake.ID]*lateEvent {
	var out map[int]map[lake.ID]*lateEvent
	for group, filter := range f.groups {
		for _, e := range events {
			if e.known || !filter.MayHold(e.hash) {
				continue
			}
			if out == nil {
				out = map[int]map[lake.ID]*lateEvent{}
			}
			if out[group] == nil {
				out[group] = map[lake.ID]*lateEvent{}
			}
			out[group][e.id] = e
		}
	}
	return out
}

// mark reads the ids of the groups and marks the events whose id is there. A
// file without parts was verified when its filter was made.
func mark(ctx context.Context, store lake.Store, f lake.DataFile, parts bool, maybe map[int]map[lake.ID]*lateEvent) error {
	return withObject(ctx, store, f, func(obj lake.Object) error {
		pf, err := reopen(obj, f, parts)
		if err != nil {
			return err
		}
		for group, rows := range pf.Groups() {
			wanted := maybe[group]
			if wanted == nil {
				continue
			}
			ids, err := readIDs(pf, parts, group, rows)
			if err != nil {
				return err
			}
			for i := range rows {
				if e := wanted[parquetfile.ID(ids, i)]; e != nil {
					e.known = true
				}
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
}

func reopen(obj lake.Object, f lake.DataFile, parts bool) (*parquetfile.File, error) {
	if !parts {
		return openWhole(obj, f, false)
	}
	pf, err := openParts(obj, f)
	if err == nil && pf == nil {
		err = fmt.Errorf("its filters are gone: %w", lake.ErrCorrupt)
	}
	return pf, err
}

func sortedKeys[V any](m map[lake.Day]V) []lake.Day {
	out := make([]lake.Day, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
