package lake_test

import (
	"slices"
	"testing"

	"github.com/eventlake/lake"
)

// FuzzDisjoint compares with every choice of receipts that there is.
func FuzzDisjoint(f *testing.F) {
	f.Add([]byte{0, 9, 0, 3, 4, 2, 7, 2})
	f.Add([]byte{0, 9, 0, 5, 6, 13, 4, 9})
	f.Fuzz(func(t *testing.T, in []byte) {
		var all []lake.Receipt
		for ; len(in) >= 2 && len(all) < 10; in = in[2:] {
			first, more := uint64(in[0]%32)+1, uint64(in[1]%16)
			all = append(all, lake.Receipt{First: lake.Pos(first), To: lake.Pos(first + more), Events: int64(more) + 1})
		}
		var most int64
		for choice := range 1 << len(all) {
			var events int64
			var held [64]bool
			for i, r := range all {
				first, _ := r.First.Uint64()
				for p := first; choice>>i&1 == 1 && p < first+uint64(r.Events); p++ {
					if held[p] {
						events = -1 << 40
					}
					held[p], events = true, events+1
				}
			}
			most = max(most, events)
		}
		var got int64
		var after lake.Position
		for _, r := range lake.Disjoint(all) {
			if !r.First.After(after) || !slices.ContainsFunc(all, func(a lake.Receipt) bool { return a.First == r.First && a.To == r.To }) {
				t.Fatalf("%v of %v", r, all)
			}
			got, after = got+r.Events, r.To
		}
		if got != most {
			t.Fatalf("%d events, %d could be told of: %v", got, most, all)
		}
	})
}
