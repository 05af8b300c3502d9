package stream

import (
	"slices"
	"sync/atomic"
)

// cached is a frame in memory. Its buffer is recycled when the cache and all
// readers have let go of it.
type cached struct {
	frame
	data    []byte // the whole frame
	gists   gists
	refs    atomic.Int32
	buffers *buffers
}

func (c *cached) body() []byte { return c.data[frameHeaderSize:] }

func (c *cached) release() {
	if c.refs.Add(-1) == 0 {
		c.buffers.put(c.data, c.gists)
	}
}

// cache keeps the latest frames of a shard, oldest first. The shard's lock
// guards it.
type cache struct {
	limit   int
	bytes   int
	frames  []*cached
	buffers *buffers
}

// push takes over the memory of a frame that was stored.
func (c *cache) push(f frame, data []byte, g gists) {
	if len(data) > c.limit {
		c.drop(len(c.frames)) // what is kept must reach up to the end
		c.buffers.put(data, g)
		return
	}
	if cap(data) > 2*len(data) {
		whole := slices.Clone(data)
		c.buffers.put(data, nil)
		data = whole
	}
	if cap(g) > 2*len(g) {
		all := slices.Clone(g)
		c.buffers.put(nil, g)
		g = all
	}
	e := &cached{frame: f, data: data, gists: g, buffers: c.buffers}
	e.refs.Store(1)
	c.frames = append(c.frames, e)
	c.bytes += cost(e)
	n, over := 0, c.bytes-c.limit
	for over > 0 && n < len(c.frames)-1 {
		over -= cost(c.frames[n])
		n++
	}
	c.drop(n)
}

func cost(c *cached) int { return cap(c.data) + cap(c.gists)*gistBytes + 128 }

// gistBytes is the size of a lake.Gist in memory.
const gistBytes = 32

// drop lets go of the n oldest frames.
func (c *cache) drop(n int) {
	if n == 0 {
		return
	}
	for _, e := range c.frames[:n] {
		c.bytes -= cost(e)
		e.release()
	}
	c.frames = slices.Delete(c.frames, 0, n)
}

// find returns the frame that holds the position, to be released by the
// caller; nil when it is not kept.
func (c *cache) find(at uint64) *cached {
	i, found := slices.BinarySearchFunc(c.frames, at, func(e *cached, at uint64) int {
		switch {
		case e.last() < at:
			return -1
		case e.first > at:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	c.frames[i].refs.Add(1)
	return c.frames[i]
}
