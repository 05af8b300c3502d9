package collect

import (
	"time"

	"github.com/eventlake/lake"
)

// Limits bound what one request, one key and all requests together may take.
// A zero field means its default.
type Limits struct {
	Events  int   // events a request; default 10,000
	Request int64 // bytes of a request, decompressed as well as on the wire; default 10 MiB, at most lake.MaxBody

	// Memory is how many bytes all requests in flight may hold together;
	// default 256 MiB. A request that finds no room within Wait gets 503.
	Memory int64
	Wait   time.Duration // default 100 ms

	// ReadTimeout is how long a client may take to send its body; default 30 s.
	ReadTimeout time.Duration

	// EventRate and ByteRate bound what one key may send a second, counted in
	// events and in decompressed bytes; 0 is no bound. What was not used in the
	// last second may be used at once, and at least one full request always fits.
	EventRate, ByteRate float64
}

func (l Limits) withDefaults() Limits {
	l.Events = or(l.Events, 10_000)
	l.Request = min(or(l.Request, 10<<20), lake.MaxBody)
	l.Memory = max(or(l.Memory, 256<<20), 8*l.Request) // one request of the largest size always fits
	l.Wait = or(l.Wait, 100*time.Millisecond)
	l.ReadTimeout = or(l.ReadTimeout, 30*time.Second)
	return l
}

func or[T int | int64 | time.Duration](v, byDefault T) T {
	if v <= 0 {
		return byDefault
	}
	return v
}
