package kinesis

import (
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
)

// cursor is where somebody's reading of a shard has come to. It holds what was
// fetched and not handed out yet. One goroutine at a time has it.
type cursor struct {
	reader *reader
	at     lake.Position // the last event that was handed out
	used   time.Time

	iterator string         // for the next GetRecords; "" when there is none
	fresh    bool           // the iterator was made from at, and nothing came from it yet
	raw      []types.Record // fetched, not unpacked
	events   []lake.Record  // unpacked; from next on not handed out
	next     int
	tip      time.Time // when the last answer said that there is no more; zero when it did not
	ended    bool      // the shard is closed, and raw holds its last records
}

// rewind forgets what was fetched, so that the next fetch begins after at.
func (c *cursor) rewind() {
	clear(c.raw)
	clear(c.events)
	*c = cursor{reader: c.reader, at: c.at, events: c.events[:0]}
}

const (
	// maxCursors is how many places of one shard are remembered: usually one, for
	// the worker.
	maxCursors = 4
	// maxIdle is when a place is forgotten: iterators live for five minutes.
	maxIdle = 4 * time.Minute
)

// reader is what all readings of one shard share.
type reader struct {
	shard lake.ShardID

	mu      sync.Mutex
	cursors []*cursor // the last used one at the end
	calls   time.Time // when the next GetRecords may be made
	tip     Tip
}

func (s *Stream) reader(shard lake.ShardID) *reader {
	s.reading.Lock()
	defer s.reading.Unlock()
	r := s.readers[shard]
	if r == nil {
		r = &reader{shard: shard}
		s.readers[shard] = r
	}
	return r
}

// take returns a cursor that stands after a position: one from before, or a new
// one.
func (r *reader) take(after lake.Position) *cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.cursors {
		if c.at == after {
			r.cursors = append(r.cursors[:i], r.cursors[i+1:]...)
			if time.Since(c.used) > maxIdle {
				c.rewind()
			}
			return c
		}
	}
	return &cursor{reader: r, at: after}
}

// keep remembers a cursor for the next Read.
func (r *reader) keep(c *cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.used = time.Now()
	for len(r.cursors) > 0 && (len(r.cursors) >= maxCursors || time.Since(r.cursors[0].used) > maxIdle) {
		r.cursors = r.cursors[1:]
	}
	r.cursors = append(r.cursors, c)
}

// turn returns how long to wait before the next GetRecords of the shard, and
// reserves that moment.
func (r *reader) turn(pause time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.calls.Before(now) {
		r.calls = now
	}
	wait := r.calls.Sub(now)
	r.calls = r.calls.Add(max(pause, 0))
	return wait
}
