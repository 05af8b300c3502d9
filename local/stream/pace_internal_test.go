package stream

import (
	"slices"
	"testing"
	"time"
)

func TestGroupsWaitForAsManyCallsAsUsual(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		what   string
		before []int // calls of the groups so far
		calls  int
		age    time.Duration
		want   time.Duration
	}{
		{"the first call", nil, 1, 0, 0},
		{"a client that is alone", slices.Repeat([]int{1}, 20), 1, 0, 0},
		{"one of three that come together", slices.Repeat([]int{3}, 8), 1, 0, patience},
		{"for the rest of its time", slices.Repeat([]int{3}, 8), 2, patience / 4, patience * 3 / 4},
		{"all three are there", slices.Repeat([]int{3}, 8), 3, 0, 0},
		{"it has waited enough", slices.Repeat([]int{3}, 8), 1, patience, 0},
		{"calls come together in half of the groups", []int{1, 2, 1, 2, 1, 2, 1, 2}, 1, 0, patience},
		{"and in less than half", []int{1, 2, 1, 2, 1, 2, 1, 1}, 1, 0, 0},
		{"a burst is not what is usual", []int{1, 1, 90, 1, 1, 1, 1, 1}, 1, 0, 0},
		{"the others have gone", []int{3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 1, 1, 1}, 1, 0, 0},
	} {
		var p pace
		for _, n := range tt.before {
			p.stored(n)
		}
		if got := p.wait(tt.calls, now.Add(-tt.age), now); got != tt.want {
			t.Errorf("%s: waits for %s, want %s", tt.what, got, tt.want)
		}
	}
}
