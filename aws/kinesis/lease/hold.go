package lease

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
)

// renewals is how many leases are written at one time.
const renewals = 8

// renew writes every lease that is held, and sees which ones are lost or asked
// for.
func (m *Manager) renew(ctx context.Context, leases []Lease) error {
	var writes errgroup.Group
	writes.SetLimit(renewals)
	listed := map[lake.ShardID]bool{}
	for _, l := range leases {
		listed[l.Shard] = true
		h := m.held[l.Shard]
		if h == nil {
			continue
		}
		if l.Owner != m.options.Worker {
			m.lose(h, "somebody else has it")
			continue
		}
		// The table is right about the rest: a write whose outcome was not known
		// may have changed the counter, and somebody may have asked for the lease.
		h.lease = l
		if l.Next != "" && !h.stopping {
			m.options.Log.Info("a shard is passed on", "shard", l.Shard, "to", l.Next)
			h.stop()
		}
		writes.Go(func() error { return m.write(ctx, h) })
	}
	for id, h := range m.held {
		if !listed[id] {
			m.lose(h, "it was deleted")
		}
	}
	return writes.Wait()
}

// write renews one lease.
func (m *Manager) write(ctx context.Context, h *held) error {
	next := h.lease
	if tip, ok := m.stream.Tip(next.Shard); ok && tip.At > next.Tip.At {
		next.Tip = tip
	}
	began := time.Now()
	err := m.store.Swap(ctx, h.lease.Counter, &next)
	if errors.Is(err, lake.ErrStale) {
		return nil // changed since it was listed; the next list tells how
	}
	if err != nil {
		return err
	}
	h.lease = next
	h.renewed(m.alone(began))
	return nil
}

// alone is how long after a renewal that began then nobody else can think that
// the lease has expired, with a margin.
func (m *Manager) alone(began time.Time) time.Duration {
	return m.options.Expiry*4/5 - time.Since(began)
}

func (h *held) renewed(left time.Duration) {
	if h.watchdog.Stop() {
		h.watchdog.Reset(max(left, 0))
	}
}

// stop tells the work to end.
func (h *held) stop() {
	h.stopping = true
	h.cancel()
}

func (m *Manager) lose(h *held, why string) {
	if !h.stopping {
		m.options.Log.Warn("a shard was lost", "shard", h.lease.Shard, "worker", m.options.Worker, "why", why)
	}
	h.lease.Owner = "" // not ours to give back
	h.stop()
}

// start begins the work of a lease that was taken with a write that began then.
func (m *Manager) start(ctx context.Context, l Lease, began time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	h := &held{lease: l, cancel: cancel}
	h.watchdog = time.AfterFunc(m.alone(began), func() {
		m.options.Log.Warn("a lease could not be renewed in time; its work is stopped", "shard", l.Shard, "worker", m.options.Worker)
		cancel()
	})
	m.mu.Lock()
	m.held[l.Shard] = h
	m.mu.Unlock()
	m.stream.Remember(l.Shard, l.Tip)
	m.options.Log.Info("work on a shard begins", "shard", l.Shard, "worker", m.options.Worker)
	go func() {
		h.err = m.work(ctx, l.Shard)
		h.done = ctx.Err() == nil && h.err == nil
		cancel()
		select {
		case m.ended <- h:
		case <-m.over:
		}
	}()
}

// end notes that work has ended and gives the lease back.
func (m *Manager) end(ctx context.Context, h *held) {
	h.watchdog.Stop()
	shard := h.lease.Shard
	m.mu.Lock()
	delete(m.held, shard)
	m.mu.Unlock()
	h.lease.Done = h.done
	switch {
	case h.done:
		delete(m.holdoffs, shard)
		m.options.Log.Info("a shard is done", "shard", shard, "worker", m.options.Worker)
	case h.err != nil && !errors.Is(h.err, context.Canceled):
		pause := m.holdOff(shard)
		m.options.Log.Error("work on a shard failed", "shard", shard, "worker", m.options.Worker, "again_in", pause,
			"error", h.err, "hint", lake.Hint(h.err))
	}
	if h.lease.Owner == "" {
		return
	}
	if err := m.release(ctx, h.lease); err != nil {
		m.looked(ctx, err)
	}
}

// holdOff keeps this process from a shard, each time for longer, until it has
// worked well for a while.
func (m *Manager) holdOff(shard lake.ShardID) time.Duration {
	longest := 20 * m.options.Expiry
	last := m.holdoffs[shard]
	if time.Since(last.until) > longest {
		last.pause = 0
	}
	pause := min(max(2*last.pause, m.options.Expiry), longest)
	m.holdoffs[shard] = holdoff{time.Now().Add(pause), pause}
	return pause
}

// release gives a lease to who asked for it, or to nobody.
func (m *Manager) release(ctx context.Context, l Lease) error {
	old := l.Counter
	if tip, ok := m.stream.Tip(l.Shard); ok && tip.At > l.Tip.At {
		l.Tip = tip
	}
	l.Owner, l.Next = l.Next, ""
	if l.Done {
		l.Owner = ""
	}
	err := m.store.Swap(ctx, old, &l)
	if errors.Is(err, lake.ErrStale) && (l.Done || ctx.Err() == nil) {
		return m.releaseAnew(ctx, l)
	}
	return err
}

// releaseAnew is release after somebody has asked for the lease meanwhile.
func (m *Manager) releaseAnew(ctx context.Context, l Lease) error {
	leases, err := m.store.List(ctx)
	if err != nil {
		return err
	}
	for _, now := range leases {
		if now.Shard != l.Shard || now.Owner != m.options.Worker {
			continue
		}
		old := now.Counter
		now.Owner, now.Next, now.Done, now.Tip = now.Next, "", l.Done, l.Tip
		if now.Done {
			now.Owner = ""
		}
		return m.store.Swap(ctx, old, &now)
	}
	return nil // it is somebody else's
}

// shutdown ends all work and gives the leases back.
func (m *Manager) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.options.Drain)
	defer cancel()
	for _, h := range m.held {
		h.stop()
	}
	for len(m.held) > 0 {
		select {
		case h := <-m.ended:
			m.end(ctx, h)
		case <-ctx.Done():
			return lake.Errorf(ctx.Err(), "their leases expire by themselves", "work on %v has not ended", m.Held())
		}
	}
	return nil
}
