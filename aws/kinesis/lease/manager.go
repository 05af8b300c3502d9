package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// Manager holds leases for one process and has its work done.
type Manager struct {
	store   Store
	stream  Stream
	work    Work
	options Options

	// Only Run's goroutine touches these.
	seen     map[lake.ShardID]sighting
	holdoffs map[lake.ShardID]holdoff
	failing  awsapi.Failing
	ended    chan *held
	over     chan struct{} // closed when Run returns: nobody receives from ended any more

	mu   sync.Mutex // for Held
	held map[lake.ShardID]*held
}

// sighting is when a lease's counter was first seen as it is.
type sighting struct {
	counter uint64
	since   time.Time
}

// holdoff keeps this process from a shard on which its work has failed.
type holdoff struct {
	until time.Time
	pause time.Duration
}

// held is a lease of this process, from taking it until its work has ended.
type held struct {
	lease    Lease
	cancel   context.CancelFunc
	watchdog *time.Timer // ends the work when the lease was not renewed in time
	stopping bool        // the work was told to end

	// How the work ended; to be read when the lease has come through ended.
	done bool
	err  error
}

// NewManager returns a Manager. It does nothing before Run.
func NewManager(store Store, stream Stream, work Work, o Options) *Manager {
	return &Manager{
		store: store, stream: stream, work: work, options: o.withDefaults(), ended: make(chan *held), over: make(chan struct{}),
		seen: map[lake.ShardID]sighting{}, holdoffs: map[lake.ShardID]holdoff{}, held: map[lake.ShardID]*held{},
	}
}

// Held returns the shards on which this process works, sorted.
func (m *Manager) Held() []lake.ShardID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.held))
}

// Run takes leases and has work done until the context ends, then ends the work
// and gives the leases back, and returns nil. It returns an error only when the
// first look at leases or shards fails for good, such as lake.ErrNotFound for a
// table that does not exist, or when work does not end within Options.Drain;
// other failures are logged and tried again, those that last for a minute as
// errors. It can be called once.
func (m *Manager) Run(ctx context.Context) error {
	defer close(m.over)
	err := m.cycle(ctx)
	if permanent(err) {
		return fmt.Errorf("share the stream's shards: %w", errors.Join(err, m.shutdown(ctx)))
	}
	m.looked(ctx, err)
	tick := time.NewTicker(m.options.Renew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return m.shutdown(ctx)
		case h := <-m.ended:
			if m.end(ctx, h); !h.done {
				continue
			}
		case <-tick.C:
		}
		m.looked(ctx, m.cycle(ctx))
	}
}

func permanent(err error) bool {
	return errors.Is(err, lake.ErrNotFound) || errors.Is(err, awsapi.ErrDenied) || errors.Is(err, lake.ErrInvalid) || errors.Is(err, lake.ErrCorrupt)
}

// looked notes how looking after the leases went.
func (m *Manager) looked(ctx context.Context, err error) {
	switch {
	case err == nil:
		m.failing.Worked()
	case ctx.Err() == nil:
		m.options.Log.Log(ctx, m.failing.Failed(), "leases could not be looked after; trying again", "worker", m.options.Worker,
			"error", err, "hint", lake.Hint(err))
	}
}

// cycle renews what is held, makes leases for new shards, and takes its share.
func (m *Manager) cycle(ctx context.Context) error {
	leases, err := m.store.List(ctx)
	if err != nil {
		return err
	}
	m.observe(leases)
	renewed := m.renew(ctx, leases)
	shards, err := m.stream.Shards(ctx)
	if err != nil {
		return errors.Join(renewed, fmt.Errorf("shards to share: %w", err))
	}
	leases, err = m.tidy(ctx, leases, shards)
	return errors.Join(renewed, err, m.share(ctx, open(leases, shards)))
}

// observe notes since when each lease is as it is.
func (m *Manager) observe(leases []Lease) {
	now := time.Now()
	listed := map[lake.ShardID]bool{}
	for _, l := range leases {
		listed[l.Shard] = true
		if s, ok := m.seen[l.Shard]; !ok || s.counter != l.Counter {
			m.seen[l.Shard] = sighting{l.Counter, now}
		}
	}
	maps.DeleteFunc(m.seen, func(id lake.ShardID, _ sighting) bool { return !listed[id] })
}

// expired reports whether a lease belongs to nobody: it never did, or whoever it
// belonged to has not renewed it for too long.
func (m *Manager) expired(l *Lease) bool {
	return l.Owner == "" || time.Since(m.seen[l.Shard].since) >= m.options.Expiry
}

// tidy makes the leases of shards that are new and removes those of shards that
// are gone.
func (m *Manager) tidy(ctx context.Context, leases []Lease, shards []lake.Shard) ([]Lease, error) {
	var failed error
	have := map[lake.ShardID]bool{}
	for _, l := range leases {
		have[l.Shard] = true
	}
	listed := map[lake.ShardID]bool{}
	for _, sh := range shards {
		if listed[sh.ID] = true; have[sh.ID] {
			continue
		}
		switch err := m.store.Create(ctx, sh.ID); {
		case err == nil:
			leases = append(leases, Lease{Shard: sh.ID, Counter: 1})
		case !errors.Is(err, lake.ErrStale): // else somebody made it just now
			failed = errors.Join(failed, err)
		}
	}
	return slices.DeleteFunc(leases, func(l Lease) bool {
		if listed[l.Shard] {
			return false
		}
		if len(shards) > 0 && (l.Done || m.expired(&l)) {
			if err := m.store.Delete(ctx, l.Shard, l.Counter); err != nil && !errors.Is(err, lake.ErrStale) {
				failed = errors.Join(failed, err)
			}
		}
		return true
	}), failed
}

// open returns the leases of the shards that may be worked on now: not done, and
// nothing before them in a parent.
func open(leases []Lease, shards []lake.Shard) []Lease {
	done := map[lake.ShardID]bool{}
	for _, l := range leases {
		done[l.Shard] = l.Done
	}
	waits := map[lake.ShardID]bool{}
	for _, sh := range shards {
		waits[sh.ID] = slices.ContainsFunc(sh.Parents, func(p lake.ShardID) bool { return !done[p] })
	}
	return slices.DeleteFunc(slices.Clone(leases), func(l Lease) bool { return l.Done || waits[l.Shard] })
}
