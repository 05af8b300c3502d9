package lease

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/eventlake/lake"
)

// share takes leases until this process has its even share.
func (m *Manager) share(ctx context.Context, open []Lease) error {
	// In random order, so that two workers do not race for the same ones.
	rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	me := m.options.Worker
	load := map[string]int{me: 0}
	for i := range open {
		if l := &open[i]; !m.expired(l) {
			load[l.holder()]++
		}
	}
	target := (len(open) + len(load) - 1) / len(load)
	var failed error
	for i := range open {
		l := &open[i]
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case m.held[l.Shard] != nil || time.Now().Before(m.holdoffs[l.Shard].until):
		case l.Owner == me: // passed on to us, or taken by a write whose outcome was not known
			failed = errors.Join(failed, m.take(ctx, *l))
		case m.expired(l) && load[me] < target:
			load[me]++
			failed = errors.Join(failed, m.take(ctx, *l))
		}
	}
	return errors.Join(failed, m.ask(ctx, open, load, target))
}

// take makes a lease this process's own and begins the work.
func (m *Manager) take(ctx context.Context, l Lease) error {
	old, began := l.Counter, time.Now()
	l.Owner, l.Next = m.options.Worker, ""
	err := m.store.Swap(ctx, old, &l)
	if errors.Is(err, lake.ErrStale) {
		return nil // somebody else was faster
	}
	if err != nil {
		return err
	}
	m.seen[l.Shard] = sighting{l.Counter, began}
	m.start(ctx, l, began)
	return nil
}

// ask asks the owners that have the most for leases that are missing to this
// process's share.
func (m *Manager) ask(ctx context.Context, open []Lease, load map[string]int, target int) error {
	var failed error
	me := m.options.Worker
	for load[me] < target {
		owner := ""
		for o, n := range load {
			if o != me && (owner == "" || n > load[owner] || n == load[owner] && o < owner) {
				owner = o
			}
		}
		// Taking from one that has no more than its share helps only where this
		// process would still have less than it: else two would swap for ever.
		if owner == "" || load[owner] < target || load[owner]-load[me] < 2 {
			return failed
		}
		l := m.pick(open, owner)
		if l == nil {
			return failed
		}
		load[owner]--
		load[me]++
		old := l.Counter
		l.Next = me
		if err := m.store.Swap(ctx, old, l); err != nil && !errors.Is(err, lake.ErrStale) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// pick returns a lease that an owner has and nobody has asked for.
func (m *Manager) pick(open []Lease, owner string) *Lease {
	for i := range open {
		if l := &open[i]; l.Owner == owner && l.Next == "" && !m.expired(l) && !time.Now().Before(m.holdoffs[l.Shard].until) {
			return l
		}
	}
	return nil
}
