package lease_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/kinesis/lease"
)

// leases is a Store in memory.
type leases struct {
	mu    sync.Mutex
	items map[lake.ShardID]lease.Lease
	fault func(operation string) (err error, effect bool)
}

func newLeases() *leases { return &leases{items: map[lake.ShardID]lease.Lease{}} }

// do runs an operation, or a fault before or after it.
func (s *leases) do(ctx context.Context, operation string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		if err, effect := s.fault(operation); err != nil {
			if effect && f() != nil {
				return err // what it would have said does not matter
			}
			return err
		}
	}
	return f()
}

func (s *leases) List(ctx context.Context) (out []lease.Lease, err error) {
	err = s.do(ctx, "list", func() error {
		for _, l := range s.items {
			out = append(out, l)
		}
		return nil
	})
	return out, err
}

func (s *leases) Create(ctx context.Context, shard lake.ShardID) error {
	return s.do(ctx, "create", func() error {
		if _, ok := s.items[shard]; ok {
			return lake.ErrStale
		}
		s.items[shard] = lease.Lease{Shard: shard, Counter: 1}
		return nil
	})
}

func (s *leases) Swap(ctx context.Context, old uint64, l *lease.Lease) error {
	l.Counter = old + 1
	return s.do(ctx, "swap", func() error {
		if s.items[l.Shard].Counter != old {
			return lake.ErrStale
		}
		s.items[l.Shard] = *l
		return nil
	})
}

func (s *leases) Delete(ctx context.Context, shard lake.ShardID, old uint64) error {
	return s.do(ctx, "delete", func() error {
		if s.items[shard].Counter != old {
			return lake.ErrStale
		}
		delete(s.items, shard)
		return nil
	})
}

func (s *leases) get(shard lake.ShardID) lease.Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items[shard]
}

// unplugged is a Store whose connection can be cut, for one worker.
type unplugged struct {
	lease.Store
	mu  sync.Mutex
	cut bool
}

var errCut = fmt.Errorf("the connection is cut: %w", awsapi.ErrUnreachable)

func (u *unplugged) unplug() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cut = true
}

func (u *unplugged) err() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.cut {
		return errCut
	}
	return nil
}

func (u *unplugged) List(ctx context.Context) ([]lease.Lease, error) {
	if err := u.err(); err != nil {
		return nil, err
	}
	return u.Store.List(ctx)
}

func (u *unplugged) Swap(ctx context.Context, old uint64, l *lease.Lease) error {
	return errors.Join(u.err(), u.then(func() error { return u.Store.Swap(ctx, old, l) }))
}

func (u *unplugged) then(f func() error) error {
	if u.err() != nil {
		return nil
	}
	return f()
}

// stream is a list of shards that changes.
type stream struct {
	mu     sync.Mutex
	shards []lake.Shard
	tips   map[lake.ShardID]kinesis.Tip
}

func newStream(shards int) *stream {
	s := &stream{tips: map[lake.ShardID]kinesis.Tip{}}
	for range shards {
		s.add()
	}
	return s
}

func (s *stream) add(parents ...lake.ShardID) lake.ShardID {
	id := lake.ShardID(fmt.Sprintf("shard-%03d", len(s.shards)))
	s.shards = append(s.shards, lake.Shard{ID: id, Parents: parents})
	for i := range s.shards {
		if slices.Contains(parents, s.shards[i].ID) {
			s.shards[i].Closed = true
		}
	}
	return id
}

// split closes shards in favour of n new ones.
func (s *stream) split(n int, parents ...lake.ShardID) (children []lake.ShardID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		children = append(children, s.add(parents...))
	}
	return children
}

// forget takes a shard from the list, as retention does.
func (s *stream) forget(shard lake.ShardID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards = slices.DeleteFunc(s.shards, func(sh lake.Shard) bool { return sh.ID == shard })
	for i := range s.shards {
		s.shards[i].Parents = slices.DeleteFunc(slices.Clone(s.shards[i].Parents), func(p lake.ShardID) bool { return p == shard })
	}
}

func (s *stream) closed(shard lake.ShardID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.shards, func(sh lake.Shard) bool { return sh.ID == shard && sh.Closed })
}

func (s *stream) Shards(ctx context.Context) ([]lake.Shard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.shards), ctx.Err()
}

func (s *stream) Tip(shard lake.ShardID) (kinesis.Tip, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tips[shard]
	return t, ok
}

func (s *stream) Remember(shard lake.ShardID, t kinesis.Tip) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.At > s.tips[shard].At {
		s.tips[shard] = t
	}
}

// book records who works on what, and notices two at one shard.
type book struct {
	t       *testing.T
	mu      sync.Mutex
	working map[lake.ShardID]string
	done    []lake.ShardID
	started map[lake.ShardID]int
	faults  bool // that a shard is done may get lost: then the work finds that there is none
}

func newBook(t *testing.T) *book {
	return &book{t: t, working: map[lake.ShardID]string{}, started: map[lake.ShardID]int{}}
}

func (b *book) begin(worker string, shard lake.ShardID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if other := b.working[shard]; other != "" {
		b.t.Errorf("%s begins with %s while %s works on it", worker, shard, other)
	}
	if slices.Contains(b.done, shard) && !b.faults {
		b.t.Errorf("%s begins with %s, which is done", worker, shard)
	}
	b.working[shard] = worker
	b.started[shard]++
}

func (b *book) end(shard lake.ShardID, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.working, shard)
	if done {
		b.done = append(b.done, shard)
	}
}

// loads is how many shards each worker has, sorted.
func (b *book) loads(workers ...string) (out []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := map[string]int{}
	for _, w := range b.working {
		count[w]++
	}
	for _, w := range workers {
		out = append(out, count[w])
	}
	slices.Sort(out)
	return out
}
