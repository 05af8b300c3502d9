package ingest

import (
	"cmp"
	"slices"

	"github.com/eventlake/lake"
)

func grow[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// sortTallies makes a commit's bytes independent of map order.
func sortTallies(ts []lake.Tally) {
	slices.SortFunc(ts, func(a, b lake.Tally) int {
		return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Type, b.Type))
	})
}
