package audit

import "github.com/eventlake/lake"

// minute is in microseconds.
const minute = 60_000_000

// minutes are those of a day in which events were made.
type minutes struct {
	of    [(24*60 + 63) / 64]uint64
	other bool // there is an event of another day
}

func (m *minutes) set(start, at lake.Instant) {
	n := (at - start) / minute
	if at < start || n >= 24*60 {
		m.other = true
		return
	}
	m.of[n/64] |= 1 << (n % 64)
}

func (m *minutes) add(o *minutes) {
	for i := range m.of {
		m.of[i] |= o.of[i]
	}
	m.other = m.other || o.other
}

// any reports whether an event was made between two times, both inclusive.
func (m *minutes) any(start, first, last lake.Instant) bool {
	if m.other {
		return true
	}
	end := start + 24*60*minute - 1
	if last < start || first > end {
		return false
	}
	for n := (max(first, start) - start) / minute; n <= (min(last, end)-start)/minute; n++ {
		if m.of[n/64]&(1<<(n%64)) != 0 {
			return true
		}
	}
	return false
}
