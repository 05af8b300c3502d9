package ingest

import (
	"cmp"
	"slices"

	"github.com/eventlake/lake"
)

// keep returns bytes that outlive the scanner's next Scan: usually the true
// name is the partition name, which is shared and costs nothing.
func keep(b []byte, name string) []byte {
	if string(b) == name {
		return b[:len(b):len(b)]
	}
	return slices.Clone(b)
}

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
