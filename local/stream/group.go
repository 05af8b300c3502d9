package stream

import (
	"sync"

	"github.com/eventlake/lake"
)

// group is a frame in the making: what waits for one write and one fsync. Its
// events are encoded when they are added, so nothing of the caller's is kept.
type group struct {
	buf   []byte // room for the frame's head, then runs
	count int
	time  lake.Instant // of the last record

	done chan struct{} // closed when the group is stored or has failed
	err  error         // valid after done; nil when stored
}

func newGroup(buf []byte) *group {
	return &group{buf: append(buf[:0], make([]byte, frameHeaderSize)...), done: make(chan struct{})}
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
	g.count += n
	g.time = at
	return n
}

// queue is what waits for a shard's writer.
type queue struct {
	mu     sync.Mutex
	groups []*group
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
		}
	}
	q.signal()
	return into, size, true
}

// take removes the oldest group; nil when none waits.
func (q *queue) take() (g *group, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.groups) == 0 {
		return nil, q.closed
	}
	g = q.groups[0]
	n := copy(q.groups, q.groups[1:])
	q.groups[n] = nil
	q.groups = q.groups[:n]
	return g, false
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

// buffers recycles the memory of frames.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return nil
}

func (b *buffers) put(buf []byte) {
	// The rare very large ones are left to the garbage collector.
	if cap(buf) > 0 && cap(buf) <= 4*frameTarget {
		b.pool.Put(&buf)
	}
}
