package mapping

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
)

// KinesisMapping is a running mapping. Its checkpoints live as long as it does.
type KinesisMapping struct {
	cfg Kinesis

	mu      sync.Mutex
	shards  map[string]*shard
	started bool // the first listing is done: shards found later are read from their start
	stats   Stats
	good    int // successful batches
}

// NewKinesis checks the configuration; Run does the work.
func NewKinesis(cfg Kinesis) (*KinesisMapping, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	return &KinesisMapping{cfg: cfg, shards: map[string]*shard{}}, nil
}

// Run polls until ctx ends. Run again goes on where it was left; a batch that
// was under way comes again. It is not for two goroutines at once.
func (m *KinesisMapping) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	ended := make(chan struct{}, 1)
	for {
		if err := m.discover(ctx); err != nil && ctx.Err() == nil {
			m.cfg.Log.Warn("listing shards failed", "stream", m.cfg.Stream, "error", err)
		}
		for _, s := range m.startable() {
			running.Go(func() {
				m.run(ctx, s)
				select {
				case ended <- struct{}{}:
				default: // a look at the shards is due already
				}
			})
		}
		look := time.NewTimer(50 * m.cfg.Poll)
		select {
		case <-ended:
		case <-look.C:
		case <-ctx.Done():
		}
		look.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// discover lists the stream's shards and remembers the new ones.
func (m *KinesisMapping) discover(ctx context.Context) error {
	list, err := m.list(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range list {
		id := aws.ToString(d.ShardId)
		if m.shards[id] != nil {
			continue
		}
		var parents []string
		for _, p := range []*string{d.ParentShardId, d.AdjacentParentShardId} {
			if aws.ToString(p) != "" {
				parents = append(parents, *p)
			}
		}
		m.shards[id] = newShard(id, parents, m.cfg.Latest && !m.started, m.cfg.Parallel)
	}
	m.started = true
	return nil
}

func (m *KinesisMapping) list(ctx context.Context) ([]types.Shard, error) {
	var all []types.Shard
	in := &kinesis.ListShardsInput{StreamName: &m.cfg.Stream}
	for {
		out, err := m.cfg.Client.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list shards of %s: %w", m.cfg.Stream, err)
		}
		all = append(all, out.Shards...)
		if out.NextToken == nil {
			return all, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
}

// startable marks and returns the shards that may be read: parents first.
func (m *KinesisMapping) startable() []*shard {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*shard
	for _, s := range m.shards {
		free := true
		for _, p := range s.parents {
			if parent := m.shards[p]; parent != nil && !parent.isFinished() {
				free = false
			}
		}
		s.mu.Lock()
		if free && !s.running && !s.finished {
			s.running = true
			list = append(list, s)
		}
		s.mu.Unlock()
	}
	return list
}

func (s *shard) isFinished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finished
}

// Caught waits until everything that was in the stream when it was called is
// delivered or given up. It needs a Run at the same time.
func (m *KinesisMapping) Caught(ctx context.Context) error {
	begun := time.Now()
	list, err := m.list(ctx)
	if err != nil {
		return err
	}
	for !m.caught(list, begun) {
		if lake.Sleep(ctx, m.cfg.Poll/4+time.Millisecond) != nil {
			return fmt.Errorf("catch up with %s: %w", m.cfg.Stream, errors.Join(ctx.Err(), m.behind(list, begun)))
		}
	}
	return nil
}

func (m *KinesisMapping) caught(list []types.Shard, since time.Time) bool {
	return m.behind(list, since) == nil
}

// behind says which shards have not been read to the end since then.
func (m *KinesisMapping) behind(list []types.Shard, since time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, d := range list {
		s := m.shards[aws.ToString(d.ShardId)]
		if s == nil {
			errs = append(errs, fmt.Errorf("%s was not seen", aws.ToString(d.ShardId)))
			continue
		}
		s.mu.Lock()
		if !s.finished && (s.queued() > 0 || !s.tip.After(since)) {
			errs = append(errs, fmt.Errorf("%s has %d records waiting after %s", s.id, s.queued(), s.read))
		}
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Stats returns the counts so far.
func (m *KinesisMapping) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

func (m *KinesisMapping) count(f func(*Stats)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.stats)
}

// again asks whether this successful batch is delivered once more.
func (m *KinesisMapping) again() bool {
	m.mu.Lock()
	n := m.good
	m.good++
	m.mu.Unlock()
	return m.cfg.Again != nil && m.cfg.Again(n)
}
