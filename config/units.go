package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes.
type Size int64

// The units of sizes.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

// units of sizes from large to small; decimal units are read, never written.
func sizeUnits() []struct {
	name string
	size Size
} {
	return []struct {
		name string
		size Size
	}{
		{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3},
		{"B", 1}, {"", 1},
	}
}

// String is the size in the largest unit that divides it, e.g. "64MiB".
func (s Size) String() string {
	for _, u := range sizeUnits()[:4] {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// ParseSize reads "64MiB", "1.5GB", "4096" or "4096B"; spaces before the unit
// and the unit's case do not matter.
func ParseSize(text string) (Size, error) {
	number, unit := splitUnit(text)
	for _, u := range sizeUnits() {
		if !strings.EqualFold(unit, u.name) {
			continue
		}
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			if n > 0 && int64(u.size) > math.MaxInt64/n {
				return 0, fmt.Errorf("size %q is too large", text)
			}
			return Size(n) * u.size, nil
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || f*float64(u.size) >= math.MaxInt64 {
			return 0, fmt.Errorf("cannot read the size %q", text)
		}
		return Size(f * float64(u.size)), nil
	}
	return 0, fmt.Errorf("cannot read the size %q", text)
}

// splitUnit parts leading digits and a decimal point from the unit behind.
func splitUnit(text string) (number, unit string) {
	text = strings.TrimSpace(text)
	i := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimSpace(text[i:])
}

// ParseDuration reads what time.ParseDuration reads, and days and weeks: "7d",
// "2w", "1d12h". Negative durations are refused, and numbers without a unit.
func ParseDuration(text string) (time.Duration, error) {
	rest := strings.TrimSpace(text)
	var sum time.Duration
	for _, u := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * day}, {"d", day}} {
		number, behind, found := strings.Cut(rest, u.letter)
		if !found {
			continue
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || !(f >= 0) { // NaN is neither
			return 0, fmt.Errorf("cannot read the duration %q", text)
		}
		if f*float64(u.length) >= math.MaxInt64 {
			return 0, errTooLong(text)
		}
		sum, rest = sum+time.Duration(f*float64(u.length)), behind
		if rest == "" {
			return sum, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("cannot read the duration %q", text)
	}
	if sum+d < 0 {
		return 0, errTooLong(text)
	}
	return sum + d, nil
}

func errTooLong(text string) error {
	return fmt.Errorf("the duration %q is longer than %s, the longest there is", text, FormatDuration(math.MaxInt64/day*day))
}

// FormatDuration writes a duration the way ParseDuration reads it, without
// zero parts: "7d", "1h30m", "500ms".
func FormatDuration(d time.Duration) string {
	var b strings.Builder
	if n := d / day; n > 0 {
		fmt.Fprintf(&b, "%dd", n)
		d -= n * day
	}
	if d == 0 && b.Len() > 0 {
		return b.String()
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return b.String() + s
}
