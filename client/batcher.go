package client

import (
	"context"
	"sync"
	"time"
)

// batcher collects events into batches and hands full ones over.
type batcher struct {
	o    Options
	full chan<- Batch

	mu    sync.Mutex // guards what follows
	batch Batch
	since time.Time // when the batch got its first event
}

// add appends the n-th event of the input. It waits while all connections are
// busy, until the context ends.
func (b *batcher) add(ctx context.Context, n int64, event []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.batch.Events > 0 && len(b.batch.Body)+len(event) >= b.o.BatchBytes {
		b.flush(ctx)
	}
	if b.batch.Events == 0 {
		b.batch = Batch{First: n, Body: make([]byte, 0, max(b.o.BatchBytes, len(event)+1))}
		b.since = time.Now()
	}
	b.batch.Body = append(append(b.batch.Body, event...), '\n')
	if b.batch.Events++; b.batch.Events == b.o.BatchEvents {
		b.flush(ctx)
	}
}

// leaveOut ends the batch, for ordinals inside a batch have no gaps.
func (b *batcher) leaveOut(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush(ctx)
}

// flush hands over what there is; the lock is held.
func (b *batcher) flush(ctx context.Context) {
	if b.batch.Events == 0 {
		return
	}
	select {
	case b.full <- b.batch:
	case <-ctx.Done(): // Send ends with the context's cause
	}
	b.batch = Batch{}
}

// linger flushes batches that have waited for long, until stop is closed.
func (b *batcher) linger(ctx context.Context, stop <-chan struct{}) {
	ticker := time.NewTicker(b.o.Linger)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			if !b.mu.TryLock() {
				continue // a batch is being filled or handed over just now
			}
			if time.Since(b.since) >= b.o.Linger {
				b.flush(ctx)
			}
			b.mu.Unlock()
		}
	}
}

// prefix knows how many of the first events are done, while they come to be
// done in any order.
type prefix struct {
	end   int64
	later map[int64]int64 // runs behind a gap: first event -> behind the last
}

// add notes that n events from first on are done, and reports whether the
// prefix grew.
func (p *prefix) add(first, n int64) bool {
	if first != p.end {
		if p.later == nil {
			p.later = map[int64]int64{}
		}
		p.later[first] = first + n
		return false
	}
	for end, ok := first+n, true; ok; end, ok = p.later[p.end] {
		delete(p.later, p.end)
		p.end = end
	}
	return true
}
