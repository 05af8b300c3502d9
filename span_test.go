package lake_test

import (
	"testing"

	"github.com/eventlake/lake"
)

func TestJoinedSpansHoldBothAndNothingOutside(t *testing.T) {
	span := func(after, to uint64) lake.Span { return lake.Span{After: lake.Pos(after), To: lake.Pos(to)} }
	for _, c := range [][3]lake.Span{
		{span(0, 5), span(5, 9), span(0, 9)},
		{span(2, 4), span(7, 9), span(2, 9)},
		{span(1, 9), span(3, 4), span(1, 9)},
		{span(3, 6), span(3, 6), span(3, 6)},
		{span(4, 4), span(2, 3), span(2, 4)},
	} {
		if got := c[0].Join(c[1]); got != c[2] {
			t.Errorf("%s and %s: %s, want %s", c[0], c[1], got, c[2])
		}
		if got := c[1].Join(c[0]); got != c[2] {
			t.Errorf("%s and %s: %s, want %s", c[1], c[0], got, c[2])
		}
	}
}
