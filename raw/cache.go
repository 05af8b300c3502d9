package raw

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// Cache hands the lines of files that were just written to the reader that
// wants them next, which saves unpacking them. It holds at most limit bytes;
// the oldest go first. A file is handed out once.
type Cache struct {
	mu    sync.Mutex
	lines map[lake.Key][]byte
	order []lake.Key // oldest first; may name keys that are gone
	bytes int
	limit int
	free  *Memory
	taken chan struct{} // closed and made anew when lines are taken
}

// NewCache returns a cache of at most limit bytes; freed lines go to free.
func NewCache(limit int, free *Memory) *Cache {
	return &Cache{lines: map[lake.Key][]byte{}, limit: limit, free: free, taken: make(chan struct{})}
}

// patience is how long a writer waits for a reader that takes nothing: one
// that failed must not stop it.
const patience = time.Second

// Room waits until need more bytes fit, so that a writer does not run ahead of
// the reader, who would have to unpack what was dropped. It stops waiting when
// the reader takes nothing for a second; that is no error. Before it waits it
// calls full, to wake the reader. The error is the context's.
func (c *Cache) Room(ctx context.Context, need int, full func()) error {
	for {
		c.mu.Lock()
		fits := c.bytes == 0 || c.bytes+need <= c.limit
		taken := c.taken
		c.mu.Unlock()
		if fits {
			return nil
		}
		full()
		late := time.NewTimer(patience)
		select {
		case <-taken:
			late.Stop()
		case <-late.C:
			return nil
		case <-ctx.Done():
			late.Stop()
			return ctx.Err()
		}
	}
}

// put reports whether the cache took the lines over.
func (c *Cache) put(key lake.Key, lines []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(key) // also when the new ones are too many: the file has other lines now
	if cap(lines) > c.limit {
		return false
	}
	for c.bytes+cap(lines) > c.limit && len(c.order) > 0 {
		c.drop(c.order[0])
		c.order = c.order[1:]
	}
	c.lines[key] = lines
	c.order = append(c.order, key)
	c.forget()
	c.bytes += cap(lines)
	return true
}

// forget takes keys that are gone, or there twice, out of the order, once they
// are the most: lines that nobody takes would keep all that came after them there.
func (c *Cache) forget() {
	if len(c.order) <= 2*len(c.lines)+64 {
		return
	}
	seen := make(map[lake.Key]bool, len(c.lines))
	c.order = slices.DeleteFunc(c.order, func(k lake.Key) bool {
		drop := seen[k] || c.lines[k] == nil
		seen[k] = true
		return drop
	})
}

func (c *Cache) drop(key lake.Key) {
	if old, ok := c.lines[key]; ok {
		c.bytes -= cap(old)
		delete(c.lines, key)
		c.free.Put(old)
	}
}

// take removes and returns the lines of a file.
func (c *Cache) take(key lake.Key) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines, ok := c.lines[key]
	if ok {
		c.bytes -= cap(lines)
		delete(c.lines, key)
		close(c.taken)
		c.taken = make(chan struct{})
	}
	if len(c.lines) == 0 {
		c.order = c.order[:0]
	}
	return lines, ok
}
