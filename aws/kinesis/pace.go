package kinesis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// What an open shard takes in a second, from all who write to it ("Kinesis Data
// Streams quotas and limits"); a shard of an on-demand stream takes the same.
const (
	shardBytes   = 1 << 20
	shardRecords = 1000
)

const (
	// breath is how much of its share a Paced stream puts at once, in time: others
	// find room in every second.
	breath = 250 * time.Millisecond
	// slowest is the least part of its share that throttles leave it.
	slowest = 1.0 / 64
	// recovery is how long it takes from nothing to all of the share.
	recovery = 2 * time.Minute
)

// Paced is a Stream whose Append takes no more than a share of what the open
// shards take, so that it can go on beside producers. When something of it is
// refused it halves its pace, and gets back to its share over two minutes.
// Several of them take a share each. Safe for concurrent use.
type Paced struct {
	*Stream
	share float64

	mu     sync.Mutex
	part   float64   // of the share, in (0, 1]
	next   time.Time // when the next piece may go
	looked time.Time // when part was last changed
}

// Paced returns the stream at a pace. ErrInvalid when the share is not above 0
// and at most 1.
func (s *Stream) Paced(share float64) (*Paced, error) {
	if !(share > 0 && share <= 1) {
		return nil, lake.Errorf(lake.ErrInvalid, "use a share above 0 and at most 1, e.g. 0.5", "a share of %g of the stream's write quota", share)
	}
	return &Paced{Stream: s, share: share, part: 1}, nil
}

// Append is Stream.Append, piece by piece at the pace. It goes on after the
// stream has refused something for as long as the context lasts, and sends a
// piece again of which a part was stored: so events may be stored twice, and it
// never returns lake.ErrFull.
func (p *Paced) Append(ctx context.Context, events []lake.Event) error {
	for len(events) > 0 {
		routes, err := p.route(ctx)
		if err != nil {
			return err
		}
		shards := float64(len(routes.lanes))
		n, cost := p.piece(events, shards)
		for refused := true; refused; {
			if err := lake.Sleep(ctx, p.turn(cost)); err != nil {
				return err
			}
			before := p.stats.again.Load()
			err := p.Stream.Append(ctx, events[:n])
			if refused = errors.Is(err, lake.ErrFull) || errors.Is(err, errPart); err != nil && !refused {
				return err
			}
			if refused || p.stats.again.Load() > before {
				p.slower()
			}
		}
		events = events[n:]
	}
	return ctx.Err()
}

// piece is how many of the events go at once, at least one, and how long they
// take of the share.
func (p *Paced) piece(events []lake.Event, shards float64) (n int, cost time.Duration) {
	most := p.share * shards * shardBytes * breath.Seconds()
	size := 0.0
	for n < len(events) && (n == 0 || size < most) {
		size += float64(eventSize + len(events[n].Source) + len(events[n].Body))
		n++
	}
	records := min(float64(n), shards) + size/float64(p.options.RecordBytes)
	seconds := max(size/shardBytes, records/shardRecords) / (p.share * shards)
	return n, time.Duration(seconds * float64(time.Second))
}

// turn returns how long to wait before a piece of the cost may go, and reserves
// the time that it takes.
func (p *Paced) turn(cost time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.looked.IsZero() {
		p.part = min(1, p.part+now.Sub(p.looked).Seconds()/recovery.Seconds())
	}
	p.looked = now
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(cost) / p.part))
	return wait
}

// slower halves the pace, because the stream had no room.
func (p *Paced) slower() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part, p.looked = max(slowest, p.part/2), time.Now()
	p.stats.slowed.Add(1)
}
