package ledger

import (
	"cmp"
	"math/bits"
	"slices"
)

// sorter sorts the claims of a cell by ID. IDs are hashes, so one pass by
// their next bits leaves buckets of about four; IDs that are no hashes end in
// few buckets and cost what sorting costs.
type sorter struct {
	starts []uint32
	out    []entry
}

// id returns the claims in order, valid until the next call. They share their
// first cellBits.
func (s *sorter) id(es []entry) []entry {
	width := max(bits.Len(uint(len(es)))-2, 1)
	bucket := func(e *entry) uint64 { return e.hi << cellBits >> (64 - width) }
	n := 1 << width
	s.starts = append(s.starts[:0], make([]uint32, n+1)...)
	for i := range es {
		s.starts[bucket(&es[i])+1]++
	}
	for i := range n {
		s.starts[i+1] += s.starts[i]
	}
	s.out = slices.Grow(s.out[:0], len(es))[:len(es)]
	for i := range es {
		b := bucket(&es[i])
		s.out[s.starts[b]] = es[i]
		s.starts[b]++ // in the end it is where the next bucket begins
	}
	from := uint32(0)
	for _, to := range s.starts[:n] {
		sortBucket(s.out[from:to])
		from = to
	}
	return s.out
}

func sortBucket(es []entry) {
	const few = 16
	if len(es) > few {
		slices.SortFunc(es, func(a, b entry) int { return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo)) })
		return
	}
	for i := 1; i < len(es); i++ {
		for j := i; j > 0 && es[j].less(&es[j-1]); j-- {
			es[j], es[j-1] = es[j-1], es[j]
		}
	}
}
