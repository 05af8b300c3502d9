package lake

import (
	"context"
	"time"
)

// Instant is a point in time in microseconds since 1970-01-01T00:00:00 UTC.
// It has no zone and no leap seconds; its range is years -290000 to 294000.
type Instant int64

// InstantOf returns t with microsecond precision (truncated).
func InstantOf(t time.Time) Instant { return Instant(t.UnixMicro()) }

// Time returns the instant in UTC.
func (i Instant) Time() time.Time { return time.UnixMicro(int64(i)).UTC() }

// Hour returns the instant at the start of its UTC hour.
func (i Instant) Hour() Instant { return i.floor(int64(time.Hour / time.Microsecond)) }

// Day returns the UTC date of the instant.
func (i Instant) Day() Day {
	const day = int64(24 * time.Hour / time.Microsecond)
	return Day(int64(i.floor(day)) / day)
}

func (i Instant) floor(unit int64) Instant {
	r := int64(i) % unit
	if r < 0 {
		r += unit
	}
	return i - Instant(r)
}

// Add returns the instant d later, with microsecond precision.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d/time.Microsecond) }

// Sub returns i - j.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Microsecond }

// String is RFC 3339 in UTC with microseconds, e.g. 2021-07-21T09:00:00.000000Z.
func (i Instant) String() string { return i.Time().Format("2006-01-02T15:04:05.000000Z") }

// Clock tells the time. Stages take one so that tests can hold time still;
// decisions that must repeat after a crash never use it, they use log time
// (Record.Received).
type Clock func() Instant

// SystemClock reads the machine's clock.
func SystemClock() Instant { return InstantOf(time.Now()) }

// Sleep waits for d, or until the context ends, whose error it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Day is a UTC date in days since 1970-01-01, as Iceberg's day transform
// counts them.
type Day int32

// Start returns the first instant of the day.
func (d Day) Start() Instant { return Instant(int64(d) * int64(24*time.Hour/time.Microsecond)) }

// String is the date as YYYY-MM-DD.
func (d Day) String() string { return d.Start().Time().Format(time.DateOnly) }

// ParseDay parses YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, Errorf(ErrInvalid, "write the day as YYYY-MM-DD", "day %q", s)
	}
	return InstantOf(t).Day(), nil
}
