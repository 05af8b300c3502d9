package ledger

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSortedWhateverTheIDsAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	makers := map[string]func(i int) entry{
		"hashes":     func(int) entry { return entry{hi: rng.Uint64() >> cellBits, lo: rng.Uint64()} },
		"counters":   func(i int) entry { return entry{lo: uint64(i*7919) % 10007} },
		"one bucket": func(int) entry { return entry{hi: rng.Uint64N(100), lo: rng.Uint64()} },
	}
	for name, maker := range makers {
		var by sorter
		for _, n := range []int{0, 1, 2, 3, 17, 1000, 5} {
			es := make([]entry, n)
			for i := range es {
				es[i] = maker(i)
			}
			want := slices.Clone(es)
			slices.SortFunc(want, func(a, b entry) int {
				if a.less(&b) {
					return -1
				}
				return 1
			})
			if !slices.Equal(by.id(es), want) {
				t.Fatalf("%d %s are not sorted", n, name)
			}
		}
	}
}
