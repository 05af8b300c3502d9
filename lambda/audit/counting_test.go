package audit_test

import (
	"context"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/memory"
)

// counting is a store that counts what is read of it, and of which the time may
// be over at any opening.
type counting struct {
	*memory.Store

	mu     sync.Mutex
	opened map[lake.Key]int
	bytes  map[lake.Key]*atomic.Int64
	over   func(opened int, key lake.Key) bool // nil: it never is
	end    func()                              // of the running call's time
	calls  int                                 // openings of the running call
	times  map[lake.Key]lake.Instant           // of writing, for List
}

func (c *counting) Open(ctx context.Context, key lake.Key) (lake.Object, error) {
	c.mu.Lock()
	c.opened[key]++
	c.calls++
	over := c.over != nil && c.over(c.calls, key)
	n := c.bytes[key]
	if n == nil {
		n = new(atomic.Int64)
		c.bytes[key] = n
	}
	c.mu.Unlock()
	if over {
		c.end()
		<-ctx.Done()
	}
	o, err := c.Store.Open(ctx, key)
	return object{o, n}, err
}

func (c *counting) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		for info, err := range c.Store.List(ctx, prefix) {
			if t, ok := c.times[info.Key]; ok {
				info.Time = t
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// read is how many bytes were read below a prefix.
func (c *counting) read(prefix string) (n int64) {
	for key, b := range c.bytes {
		if strings.HasPrefix(string(key), prefix) {
			n += b.Load()
		}
	}
	return n
}

// data counts the data files that were opened, and of how many days they are.
func (c *counting) data() (files, days int) {
	of := map[string]bool{}
	for key := range c.opened {
		if _, day, ok := strings.Cut(string(key), "/day="); ok && strings.HasPrefix(string(key), "tables/") {
			files++
			of[day[:len("2026-06-01")]] = true
		}
	}
	return files, len(of)
}

type object struct {
	lake.Object
	bytes *atomic.Int64
}

func (o object) Read(p []byte) (int, error) {
	n, err := o.Object.Read(p)
	o.bytes.Add(int64(n))
	return n, err
}

func (o object) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.Object.ReadAt(p, off)
	o.bytes.Add(int64(n))
	return n, err
}

// call is the time of a call of a Lambda, which is over when end is called.
type call struct {
	context.Context
	done chan struct{}
	once sync.Once
}

func newCall(ctx context.Context) *call { return &call{Context: ctx, done: make(chan struct{})} }

func (c *call) end() { c.once.Do(func() { close(c.done) }) }

func (c *call) Deadline() (time.Time, bool) { return time.Now().Add(time.Hour), true }

func (c *call) Done() <-chan struct{} { return c.done }

func (c *call) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
