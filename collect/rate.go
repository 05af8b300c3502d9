package collect

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates holds a bucket of events and one of bytes for every key (or source,
// while keys are off).
type rates struct {
	events, bytes float64 // a second; 0 is no bound
	fullEvents    int     // the size of the buckets
	fullBytes     int

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct{ events, bytes *rate.Limiter }

// maxBuckets bounds the memory for buckets: beyond it the full ones, which say
// nothing, are forgotten.
const maxBuckets = 4096

func newRates(l Limits) *rates {
	return &rates{
		events: l.EventRate, bytes: l.ByteRate,
		fullEvents: max(int(l.EventRate), l.Events), fullBytes: max(int(l.ByteRate), int(l.Request)),
		buckets: map[string]*bucket{},
	}
}

// ready says how long until the key may send anything; 0 is now. It is asked
// before a body is read, and takes nothing.
func (r *rates) ready(key string, now time.Time) time.Duration { return r.take(key, now, 1, 1, true) }

// spend takes events and bytes from the key's buckets and returns 0, or takes
// nothing and returns how long until there would be enough.
func (r *rates) spend(key string, now time.Time, events, bytes int) time.Duration {
	return r.take(key, now, events, bytes, false)
}

func (r *rates) take(key string, now time.Time, events, bytes int, dry bool) time.Duration {
	if r.events <= 0 && r.bytes <= 0 {
		return 0
	}
	r.mu.Lock() // also around the reservations: they are taken both or not at all
	defer r.mu.Unlock()
	b := r.bucket(key, now)
	re, rb := b.events.ReserveN(now, events), b.bytes.ReserveN(now, bytes)
	wait := max(re.DelayFrom(now), rb.DelayFrom(now))
	if dry || wait > 0 {
		re.CancelAt(now)
		rb.CancelAt(now)
	}
	return wait
}

func (r *rates) bucket(key string, now time.Time) *bucket {
	b := r.buckets[key]
	if b == nil {
		if len(r.buckets) >= maxBuckets {
			r.forget(now)
		}
		b = &bucket{limiter(r.events, r.fullEvents), limiter(r.bytes, r.fullBytes)}
		r.buckets[key] = b
	}
	return b
}

func (r *rates) forget(now time.Time) {
	for key, b := range r.buckets {
		if b.events.TokensAt(now) >= float64(r.fullEvents) && b.bytes.TokensAt(now) >= float64(r.fullBytes) {
			delete(r.buckets, key)
		}
	}
}

func limiter(perSecond float64, full int) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, full)
	}
	return rate.NewLimiter(rate.Limit(perSecond), full)
}
