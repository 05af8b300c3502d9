package stream

import (
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// group is a frame in the making: what waits for one write and one fsync. Its
// events are encoded when they are added, so nothing of the caller's is kept.
type group struct {
	buf   []byte // room for the frame's head, then runs
	gists gists
	count int
	time  lake.Instant // of the last record
	calls int          // of Append that have events in it
	since time.Time    // the first of them

	done chan struct{} // closed when the group is stored or has failed
	err  error         // valid after done; nil when stored
}

func newGroup(buf []byte, gists gists) *group {
	return &group{buf: append(buf[:0], make([]byte, frameHeaderSize)...), gists: gists[:0], since: time.Now(), done: make(chan struct{})}
}

func (g *group) full() bool { return len(g.buf) >= frameTarget }

// add encodes the longest beginning of the chosen events that makes one run and
// returns how many those were. Log time never goes below last.
func (g *group) add(events []lake.Event, order []int32, last lake.Instant) int {
	source := events[order[0]].Source
	at := max(events[order[0]].Received, last)
	size := len(g.buf)
	n := 0
	for _, i := range order {
		e := &events[i]
		if n > 0 && (e.Source != source || e.Received > at || size >= frameTarget) {
			break
		}
		size += len(e.Body) + 18
		n++
	}
	g.buf = appendRun(g.buf, events, order[:n], at)
	for _, i := range order[:n] {
		g.gists = append(g.gists, events[i].Gist)
	}
	g.count += n
	g.time = at
	return n
}

// queue is what waits for a shard's writer.
type queue struct {
	mu     sync.Mutex
	groups []*group
	pace   pace
	time   lake.Instant // log time of the last record added
	closed bool
	wake   chan struct{} // one token: there is something to do
}

// add encodes the chosen events behind what waits already and appends the groups
// that hold them to into. size is how many encoded bytes were added; ok is false
// when the queue is closed.
func (q *queue) add(events []lake.Event, order []int32, into []*group, buffers *buffers) (groups []*group, size int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return into, 0, false
	}
	for len(order) > 0 {
		var g *group
		if n := len(q.groups); n > 0 && !q.groups[n-1].full() {
			g = q.groups[n-1]
		} else {
			g = newGroup(buffers.get())
			q.groups = append(q.groups, g)
		}
		before := len(g.buf)
		order = order[g.add(events, order, q.time):]
		q.time = g.time
		size += len(g.buf) - before
		if n := len(into); n == 0 || into[n-1] != g {
			into = append(into, g)
			g.calls++
		}
	}
	q.signal()
	return into, size, true
}

// take removes the oldest group; nil when none waits, or when the oldest should
// wait still, for at most the returned time.
func (q *queue) take() (g *group, wait time.Duration, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.groups) == 0 {
		return nil, 0, q.closed
	}
	g = q.groups[0]
	if len(q.groups) == 1 && !q.closed && !g.full() {
		if wait = q.pace.wait(g.calls, g.since, time.Now()); wait > 0 {
			return nil, wait, false
		}
	}
	q.pace.stored(g.calls)
	n := copy(q.groups, q.groups[1:])
	q.groups[n] = nil
	q.groups = q.groups[:n]
	return g, 0, false
}

// close lets the writer finish what waits; nothing can be added any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // a token is there already
	}
}

// gists are those of a frame's records, in their order.
type gists []lake.Gist

// buffers recycles the memory of frames.
type buffers struct{ frames, gists sync.Pool }

func (b *buffers) get() (frame []byte, g gists) {
	if p, ok := b.frames.Get().(*[]byte); ok {
		frame = *p
	}
	if p, ok := b.gists.Get().(*gists); ok {
		g = *p
	}
	return frame, g
}

func (b *buffers) put(frame []byte, g gists) {
	// The rare very large ones are left to the garbage collector.
	if cap(frame) > 0 && cap(frame) <= 4*frameTarget {
		b.frames.Put(&frame)
	}
	if cap(g) > 0 && cap(g) <= maxGists {
		clear(g)
		b.gists.Put(&g)
	}
}

// maxGists is how many there are in a frame of very small events.
const maxGists = frameTarget / 32
