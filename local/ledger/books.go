package ledger

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eventlake/lake"
)

// books sums tallies by hour. A view shares the hours; a commit copies an hour
// before it changes one that a view may hold.
type books struct {
	hours []*hourBooks
	index map[lake.Instant]int
	epoch uint64 // of the latest view
	sum   Verdicts
}

type hourBooks struct {
	tallies map[lake.Book]lake.Tally
	epoch   uint64 // when this copy was made
}

func newBooks() books { return books{index: map[lake.Instant]int{}} }

func (b *books) add(t lake.Tally) {
	i, ok := b.index[t.Hour]
	switch {
	case !ok:
		i = len(b.hours)
		b.index[t.Hour] = i
		b.hours = append(b.hours, &hourBooks{map[lake.Book]lake.Tally{}, b.epoch})
	case b.hours[i].epoch != b.epoch:
		b.hours[i] = &hourBooks{maps.Clone(b.hours[i].tallies), b.epoch}
	}
	b.sum.add(t)
	h := b.hours[i]
	sum := h.tallies[t.Book]
	sum.Book = t.Book
	sum.Add(t)
	h.tallies[t.Book] = sum
}

func (b *books) view() []*hourBooks {
	b.epoch++
	return slices.Clone(b.hours)
}

// flatten returns the tallies of a view by hour, source and type.
func flatten(hours []*hourBooks) []lake.Tally {
	var out []lake.Tally
	for _, h := range hours {
		for _, t := range h.tallies {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b lake.Tally) int {
		return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Type, b.Type))
	})
	return out
}
