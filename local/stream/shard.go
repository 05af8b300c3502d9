package stream

import (
	"slices"
	"sync"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// shard is one ordered part of the stream. Its writer goroutine alone changes
// files; queue is what it works on, the fields under mu are what readers see.
type shard struct {
	stream *Stream
	id     lake.ShardID
	number int
	dir    string

	queue queue
	file  disk.File // the last segment, open for appending; the writer's own

	mu       sync.RWMutex
	segments []*segment // at least one; the last is being written
	next     uint64     // the position that the next record gets
	time     lake.Instant
	trimmed  uint64      // the last position that is not kept
	gaps     []lake.Span // positions lost to damage, ascending
	cache    cache
	changed  chan struct{} // closed at the next change, when someone waits
	counts   Counts
}

// active is the segment being written. mu is held.
func (sh *shard) active() *segment { return sh.segments[len(sh.segments)-1] }

// end is the last position of the i-th segment. mu is held.
func (sh *shard) end(i int) uint64 {
	if i+1 < len(sh.segments) {
		return sh.segments[i+1].first - 1
	}
	return sh.next - 1
}

// segmentAt returns the index of the segment that holds a position between
// the first and the last kept. mu is held.
func (sh *shard) segmentAt(at uint64) int {
	i, found := slices.BinarySearchFunc(sh.segments, at, func(g *segment, at uint64) int {
		switch {
		case g.first < at:
			return -1
		case g.first > at:
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	return i
}

// skipGaps returns the position that reading goes on from: after, or the end of
// a gap that begins there. mu is held.
func (sh *shard) skipGaps(after uint64) uint64 {
	for _, g := range sh.gaps {
		from, _ := g.After.Uint64()
		to, _ := g.To.Uint64()
		if from <= after && after < to {
			after = to
		}
	}
	return after
}

// notify wakes everyone who waits. mu is held.
func (sh *shard) notify() {
	if sh.changed != nil {
		close(sh.changed)
		sh.changed = nil
	}
}

// wait returns a channel that is closed at the next change, or nil when there
// is a record after the position already.
func (sh *shard) wait(after uint64) <-chan struct{} {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.skipGaps(after) < sh.next-1 {
		return nil
	}
	if sh.changed == nil {
		sh.changed = make(chan struct{})
	}
	return sh.changed
}

// publish shows readers a frame that is synced.
func (sh *shard) publish(f frame, from *group, took time.Duration) {
	size := int64(len(from.buf))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	g := sh.active()
	g.addMark(f.first, g.size)
	g.size += size
	sh.next = f.last() + 1
	sh.time = f.time
	sh.counts.Frames++
	sh.counts.Records += int64(f.count)
	sh.counts.Bytes += size
	sh.counts.SyncTime += took
	sh.cache.push(f, from.buf, from.gists)
	sh.notify()
}
