package curate

import (
	"context"
	"slices"

	"github.com/eventlake/lake"
)

// deferredBytes of late events are gathered before their days are looked
// through, so that a file is read once for many of them.
const deferredBytes = 8 << 20

// deferred is late events that wait to be compared with the ids of their day.
type deferred struct {
	lines  []byte
	events []lateEvent
}

type lateEvent struct {
	id       lake.ID
	day      lake.Day
	from, to int // the line
	book     lake.Book
	known    bool // the table has the id
}

func (d *deferred) add(day lake.Day, id lake.ID, b lake.Book, line []byte) {
	from := len(d.lines)
	d.lines = append(d.lines, line...)
	d.events = append(d.events, lateEvent{id: id, day: day, from: from, to: len(d.lines), book: b})
}

func (d *deferred) full() bool { return len(d.lines) >= deferredBytes }

func (d *deferred) reset() { d.lines, d.events = d.lines[:0], d.events[:0] }

// compare marks the events whose id a file of their day holds. A filter a file
// says which of them may be; only those make the file be read.
func (d *deferred) compare(ctx context.Context, b *builder) error {
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
			maybe := map[lake.ID]*lateEvent{}
			for _, e := range days[day] {
				if !e.known && filter.Contains(filterKey(e.id)) {
					maybe[e.id] = e
				}
			}
			if len(maybe) == 0 {
				continue
			}
			// The file was verified when its filter was made.
			err = eachID(ctx, b.store, f, false, func(id lake.ID) {
				if e := maybe[id]; e != nil {
					e.known = true
				}
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedKeys[V any](m map[lake.Day]V) []lake.Day {
	out := make([]lake.Day, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
