package collect

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// memory is the bytes that all requests in flight may hold together, and the
// buffers that they leave behind for the next. A request takes what it has
// really received, not what it announces, so a client that announces much and
// sends nothing holds up nobody.
type memory struct {
	sem  *semaphore.Weighted
	wait time.Duration
	used atomic.Int64
	free [classes]sync.Pool // of *[]byte with a capacity of smallest << index
}

const (
	smallest = 64 << 10 // most requests never need more
	classes  = 9        // up to 16 MiB, more than lake.MaxBody
)

func newMemory(bytes int64, wait time.Duration) *memory {
	return &memory{sem: semaphore.NewWeighted(bytes), wait: wait}
}

// take reserves n bytes, waiting a little for others to finish. False: no room.
func (m *memory) take(n int64) bool {
	if !m.sem.TryAcquire(n) {
		ctx, cancel := context.WithTimeout(context.Background(), m.wait)
		defer cancel()
		if m.sem.Acquire(ctx, n) != nil {
			return false
		}
	}
	m.used.Add(n)
	return true
}

func (m *memory) give(n int64) {
	m.used.Add(-n)
	m.sem.Release(n)
}

// buffer is memory for bytes; all of its capacity is accounted for.
type buffer struct {
	b     []byte
	box   *[]byte // what b was taken from, so that giving it back allocates nothing
	class int
}

// grow makes room for at least n bytes in all, keeping what is in it. The error
// is an *api.Error.
func (b *buffer) grow(m *memory, n int64) error {
	if n <= int64(cap(b.b)) && b.box != nil {
		return nil
	}
	class := bits.Len64(uint64(max(n-1, 0)) / smallest)
	if !m.take(smallest << class) {
		return errBusy("the requests in flight take all the memory there is for them", time.Second)
	}
	box, ok := m.free[class].Get().(*[]byte)
	if !ok {
		fresh := make([]byte, 0, smallest<<class)
		box = &fresh
	}
	old := *b
	*b = buffer{b: append((*box)[:0], old.b...), box: box, class: class}
	old.release(m)
	return nil
}

// release gives the memory back; the buffer is empty then.
func (b *buffer) release(m *memory) {
	if b.box == nil {
		return
	}
	m.give(smallest << b.class)
	m.free[b.class].Put(b.box)
	*b = buffer{}
}
