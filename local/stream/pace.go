package stream

import (
	"slices"
	"time"
)

// patience is how long the first call of a group waits at most for others to
// share its fsync.
const patience = 2 * time.Millisecond

// pace decides whether a group waits for more calls. An fsync costs the same for
// one call as for many, but where the disk is faster than calls come each soon
// has its own. So a group waits until as many calls share it as in half of the
// last groups: about as many come again, and while they do groups grow. With
// more than that, such as the most, it would wait in vain: a call with few events
// does not touch every shard. A client that is alone waits for nobody.
// PostgreSQL has the idea as commit_delay and commit_siblings.
type pace struct {
	recent [8]int // calls of the last groups
	next   int
	usual  int // the upper half of recent begins here
}

// wait returns how long the group should still wait; not more than 0 when it
// should be stored.
func (p *pace) wait(calls int, since, now time.Time) time.Duration {
	if calls >= p.usual {
		return 0
	}
	return patience - now.Sub(since)
}

// stored notes that a group was taken to be stored.
func (p *pace) stored(calls int) {
	p.recent[p.next] = calls
	p.next = (p.next + 1) % len(p.recent)
	sorted := p.recent
	slices.Sort(sorted[:])
	p.usual = sorted[len(sorted)/2]
}
