package raw

import (
	"math/bits"
	"slices"
	"sync"
)

// Memory recycles line buffers between flushes. Buffers have a few fixed
// sizes, so that any of them fits many parts. It keeps at most limit bytes.
type Memory struct {
	mu    sync.Mutex
	free  map[int][][]byte // by capacity
	bytes int
	limit int
}

// NewMemory returns a recycler that keeps at most limit bytes.
func NewMemory(limit int) *Memory { return &Memory{free: map[int][][]byte{}, limit: limit} }

// minBuffer is the smallest buffer: a partition that gets an event a minute
// must not cost more.
const minBuffer = 4 << 10

// sizeFor is the smallest buffer size for n bytes: 2^k or 1.5 * 2^k, so that at
// most a third of a buffer is unused.
func sizeFor(n int) int {
	if n <= minBuffer {
		return minBuffer
	}
	k := bits.Len(uint(n - 1))
	if three := 3 << (k - 2); n <= three {
		return three
	}
	return 1 << k
}

// Grow returns the bytes of b in a buffer with room for n, and takes b back;
// the caller must not use b again.
func (m *Memory) Grow(b []byte, n int) []byte {
	size := sizeFor(max(n, cap(b)+cap(b)/2))
	bigger := append(m.get(size), b...)
	m.Put(b)
	return bigger
}

func (m *Memory) get(size int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.free[size]
	if len(list) == 0 {
		return slices.Grow([]byte(nil), size)[:0:size]
	}
	b := list[len(list)-1]
	m.free[size] = list[:len(list)-1]
	m.bytes -= size
	return b[:0]
}

// Put takes a buffer back; the caller must not use it again.
func (m *Memory) Put(b []byte) {
	size := cap(b)
	if size < minBuffer || sizeFor(size) != size {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if size > m.limit {
		return
	}
	if m.bytes+size > m.limit { // what is kept is of sizes that nobody asks for any more
		clear(m.free)
		m.bytes = 0
	}
	m.free[size] = append(m.free[size], b)
	m.bytes += size
}
