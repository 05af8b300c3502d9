package raw

import (
	"testing"
	"time"

	"github.com/eventlake/lake"
)

func TestInstantsReadLikeRFC3339(t *testing.T) {
	check := func(at time.Time) {
		t.Helper()
		got := string(appendInstant(nil, lake.InstantOf(at)))
		if want := at.Format(timeLayout); got != want {
			t.Fatalf("%s is written %s", want, got)
		}
	}
	// Every day of four centuries twice over, so every leap rule, at odd times.
	day := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := 0; day.Year() < 800; n++ {
		check(day.Add(time.Duration(n*7919%86_400_000_000) * time.Microsecond))
		day = day.AddDate(0, 0, 1)
	}
	for _, at := range []time.Time{
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2024, 2, 29, 12, 0, 0, 1000, time.UTC), time.Date(2100, 2, 28, 0, 0, 0, 0, time.UTC),
		time.Date(2100, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		check(at)
	}
}

func BenchmarkInstant(b *testing.B) {
	var dst []byte
	at := lake.InstantOf(time.Date(2026, 11, 23, 12, 34, 56, 789_000_000, time.UTC))
	b.ReportAllocs()
	for b.Loop() {
		dst = appendInstant(dst[:0], at)
		at++
	}
}
