package arrivals

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/eventlake/lake"
)

// keySet is a set of keys, of which there may be millions: 16 bytes each. That a
// key which was not added seems to be there has, with a trillion of questions, a
// chance of less than one in 10^19.
type keySet struct {
	seeds [2]maphash.Seed
	sums  []sum // ascending, once sort was called
}

type sum [2]uint64

func newKeySet() *keySet {
	return &keySet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (s *keySet) sum(key lake.Key) sum {
	return sum{maphash.String(s.seeds[0], string(key)), maphash.String(s.seeds[1], string(key))}
}

func (s *keySet) add(key lake.Key) { s.sums = append(s.sums, s.sum(key)) }

// sort comes after the last add and before the first has.
func (s *keySet) sort() { slices.SortFunc(s.sums, sum.compare) }

func (s *keySet) has(key lake.Key) bool {
	_, found := slices.BinarySearchFunc(s.sums, s.sum(key), sum.compare)
	return found
}

func (a sum) compare(b sum) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }
