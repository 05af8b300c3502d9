package arrivals_test

import (
	"io"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	"github.com/eventlake/lake/laketest/memory"
)

func marks(t *testing.T, s lake.Store) (keys []lake.Key) {
	t.Helper()
	for info, err := range s.List(t.Context(), "ledger/curated/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// TestAMarkIsGivenOutADayAfterItWasNoted, hour by hour over a week, in which the
// mark moves on by one an hour.
func TestAMarkIsGivenOutADayAfterItWasNoted(t *testing.T) {
	store := memory.NewStore()
	for hour := range uint64(7 * 24) {
		got, err := arrivals.Rested(t.Context(), store, upTo(lake.Pos(hour+1)), noon.Add(time.Duration(hour)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		mark, _ := got[arrivals.Shard].Uint64()
		if hour < 24 && got != nil {
			t.Fatalf("hour %d: %v is no day old", hour, got)
		}
		if hour >= 24 && (mark+24 > hour+1 || mark+24+3 <= hour+1) {
			t.Fatalf("hour %d: a mark of hour %d", hour, mark-1)
		}
	}
	if n := len(marks(t, store)); n > 10 {
		t.Errorf("%d marks are kept", n)
	}
}

func TestAMarkThatIsDamagedLetsNothingBeForgotten(t *testing.T) {
	store := memory.NewStore()
	if _, err := arrivals.Rested(t.Context(), store, upTo(lake.Pos(1)), noon); err != nil {
		t.Fatal(err)
	}
	key := marks(t, store)[0]
	if err := store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), key, func(w io.Writer) error { _, err := io.WriteString(w, `{"arri`); return err }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{0, 2} { // of the second mark
		hours := []int{25, 50}[i]
		mark, err := arrivals.Rested(t.Context(), store, upTo(lake.Pos(2)), noon.Add(time.Duration(hours)*time.Hour))
		if got, _ := mark[arrivals.Shard].Uint64(); err != nil || got != want {
			t.Errorf("after %d hours: %v, %v", hours, mark, err)
		}
	}
}
