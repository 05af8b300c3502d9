package kinesis

import (
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// lane is the way to one shard. At most one of its groups is on its way.
type lane struct {
	stream *Stream
	shard  lake.ShardID

	mu     sync.Mutex
	time   lake.Instant // log time so far
	groups []*group     // that wait; the last one takes more events
	flying *group       // is sent, or will be sent again
	busy   bool         // ready, flying or waiting for another try
}

// group is the events of one record and whoever waits for them.
type group struct {
	packer *Packer       // until it is sealed
	queued int64         // what its events count against Options.MaxQueue
	until  time.Time     // when to give up: the latest of those who wait
	events int           // once it is sealed
	done   chan struct{} // closed when err says what happened
	err    error

	data      []byte // the record, once it is sealed
	hash, key string // its explicit hash key and its partition key
	tries     int
	uncertain error // of the last try that may have stored the record in spite of it
}

// add adds events to the lane and the groups they are in to the call. It
// reports whether the lane has become busy and must be scheduled.
func (l *lane) add(c *call, events []lake.Event, order []int32, until time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	var g *group
	if n := len(l.groups); n > 0 {
		g = l.groups[n-1]
	}
	joined := false
	for _, i := range order {
		e := events[i]
		l.time = max(l.time, e.Received)
		e.Received = l.time
		if g == nil || !l.stream.room(g.packer, &e) {
			g = l.stream.newGroup()
			l.groups, joined = append(l.groups, g), false
		}
		if !joined {
			c.groups, joined = append(c.groups, g), true
			if until.After(g.until) {
				g.until = until
			}
		}
		g.packer.Add(&e)
		g.queued += int64(queuedSize(&e))
	}
	idle := !l.busy
	l.busy = true
	return idle
}

// maxPacked is how many events a record gets at most, far below what a reader
// takes.
const maxPacked = 10_000

// room reports whether a record has room for another event. The first always
// fits: a large one is compressed.
func (s *Stream) room(p *Packer, e *lake.Event) bool {
	return p.Events() == 0 || p.Events() < maxPacked && p.SizeWith(e.Source, len(e.Body)) <= s.options.RecordBytes
}

func (s *Stream) newGroup() *group {
	p, _ := s.packers.Get().(*Packer)
	if p == nil {
		p = &Packer{}
	}
	return &group{packer: p, done: make(chan struct{})}
}

func (l *lane) logTime() lake.Instant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.time
}

// next takes the group to send; nil when there is none, and then the lane is
// idle.
func (l *lane) next() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flying == nil && len(l.groups) > 0 {
		l.flying = l.groups[0]
		l.groups[0] = nil
		if l.groups = l.groups[1:]; len(l.groups) == 0 {
			l.groups = nil
		}
	}
	l.busy = l.flying != nil
	return l.flying
}

// finish ends the flying group and reports whether more waits.
func (l *lane) finish(g *group, err error) (more bool) {
	g.err, g.data = err, nil
	l.stream.queued.Add(-g.queued)
	close(g.done)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying = nil
	l.busy = len(l.groups) > 0
	return l.busy
}
