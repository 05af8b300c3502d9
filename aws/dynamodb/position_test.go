package dynamodb_test

import (
	"cmp"
	"math/rand/v2"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
)

// positions are random ones of all widths, and those at the edges.
func positions(t *testing.T) []lake.Position {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	const unit = 10_000_000_000_000_000_000
	out := []lake.Position{
		{}, lake.Pos(1), lake.Pos(unit - 1), lake.Pos(unit), lake.Pos(1<<64 - 1), {Sub: 1}, {Seq: [3]uint64{0, 1, 0}},
		{Seq: [3]uint64{1, 0, 0}}, {Seq: [3]uint64{1<<64 - 1, 1<<64 - 1, 1<<64 - 1}, Sub: 1<<32 - 1},
	}
	for range 500 {
		p := lake.Position{Seq: [3]uint64{r.Uint64() >> r.IntN(64), r.Uint64() >> r.IntN(64), r.Uint64() >> r.IntN(64)}, Sub: r.Uint32() >> r.IntN(32)}
		for i := range r.IntN(4) {
			p.Seq[min(i, 2)] = 0
		}
		out = append(out, p)
	}
	return out
}

func TestPositionsAreWrittenAsStringDoes(t *testing.T) {
	for _, p := range positions(t) {
		if got := string(dynamodb.AppendPosition([]byte("x/"), p)); got != "x/"+p.String() {
			t.Errorf("got %s, want %s", got, p)
		}
	}
}

func TestSortablePositionsCompareAsPositionsDo(t *testing.T) {
	all := positions(t)
	for i, p := range all {
		q := all[(i*7+1)%len(all)]
		if cmp.Compare(dynamodb.Sortable(p), dynamodb.Sortable(q)) != p.Compare(q) {
			t.Errorf("%s and %s", p, q)
		}
		if back, err := lake.ParsePosition(dynamodb.Sortable(p)); err != nil || back != p {
			t.Errorf("%s is read back as %s, %v", p, back, err)
		}
	}
}
