package replay_test

import (
	"errors"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/replay"
)

// Instant 0 and day 0, 1970-01-01, are bounds like any other.
func TestTheEpochIsABound(t *testing.T) {
	before, epoch := lake.Instant(-1), lake.Instant(0)
	for _, tt := range []struct {
		from, to              *lake.Instant
		holdsBefore, holdsNow bool
	}{
		{nil, nil, true, true},
		{&epoch, nil, false, true},
		{nil, &epoch, true, false},
		{&before, &epoch, true, false},
		{nil, &before, false, false},
	} {
		r := replay.Range{From: tt.from, To: tt.to}
		if err := r.Validate(); err != nil {
			t.Errorf("%v", err)
		}
		if r.Holds("x", "s", before) != tt.holdsBefore || r.Holds("x", "s", epoch) != tt.holdsNow {
			t.Errorf("from %v to %v: %t %t", tt.from, tt.to, r.Holds("x", "s", before), r.Holds("x", "s", epoch))
		}
	}
	if err := (replay.Range{From: &epoch, To: &before}).Validate(); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if err := (replay.RebuildOptions{From: new(lake.Day(0)), To: new(lake.Day(0))}).Validate(); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if err := (replay.RebuildOptions{To: new(lake.Day(-1))}).Validate(); err != nil {
		t.Errorf("%v", err)
	}
}
