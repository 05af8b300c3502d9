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

// shard is what a mapping knows of one shard. It outlives a run.
type shard struct {
	id      string
	parents []string
	latest  bool // starts at its end

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	lanes    []laneState
	since    time.Time // when the first iterator at the end was asked for
	read     string    // the last sequence number that is in the lanes
	ended    bool      // all records were read, and no more will come
	finished bool      // and all were delivered or given up
	tip      time.Time // when the last read began that found the end of the shard
	running  bool
}

func newShard(id string, parents []string, latest bool, lanes int) *shard {
	return &shard{id: id, parents: parents, latest: latest, changed: make(chan struct{}), lanes: make([]laneState, lanes)}
}

// change tells everybody who waits; the caller holds the mutex.
func (s *shard) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// done removes n records from the head of a lane. of is the size of the chunk
// that they belong to; what is left of it keeps the attempts.
func (s *shard) done(l *laneState, n, of, attempts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.queue = l.queue[n:]
	l.chunks = l.chunks[1:]
	if left := of - n; left > 0 {
		l.chunks = append([]chunk{{left, attempts}}, l.chunks...)
	}
	if len(l.queue) == 0 {
		l.queue = nil // the memory of what was delivered
	}
	s.change()
}

// cut replaces the first chunk of a lane.
func (s *shard) cut(l *laneState, parts ...chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.chunks = append(parts, l.chunks[1:]...)
}

// queued returns how many records wait; the caller holds the mutex.
func (s *shard) queued() int {
	n := 0
	for i := range s.lanes {
		n += len(s.lanes[i].queue)
	}
	return n
}

// run reads and delivers one shard until it is over or ctx ends.
func (m *KinesisMapping) run(ctx context.Context, s *shard) {
	var lanes sync.WaitGroup
	for i := range s.lanes {
		lanes.Go(func() { m.work(ctx, s, &s.lanes[i]) })
	}
	m.readShard(ctx, s)
	lanes.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	s.finished = s.ended && s.queued() == 0
	s.change()
}

// readShard moves the shard's records into its lanes.
func (m *KinesisMapping) readShard(ctx context.Context, s *shard) {
	iterator := ""
	for pause := m.cfg.Pause; ; {
		begun := time.Now()
		var out *kinesis.GetRecordsOutput
		err := m.room(ctx, s)
		if err == nil && iterator == "" {
			iterator, err = m.iterator(ctx, s)
		}
		if err == nil {
			begun = time.Now()
			out, err = m.cfg.Client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: &iterator, Limit: aws.Int32(int32(min(10_000, m.cfg.BatchSize*m.cfg.Parallel)))})
		}
		if err == nil {
			err = m.distribute(s, out)
		}
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			var expired *types.ExpiredIteratorException
			if errors.As(err, &expired) {
				iterator = ""
				continue
			}
			m.cfg.Log.Warn("reading failed", "shard", s.id, "error", err)
			if lake.Sleep(ctx, pause) != nil {
				return
			}
			pause = min(2*pause, 100*m.cfg.Pause)
			continue
		}
		pause = m.cfg.Pause
		if out.NextShardIterator == nil {
			s.mu.Lock()
			s.ended = true
			s.change()
			s.mu.Unlock()
			return
		}
		iterator = *out.NextShardIterator
		if len(out.Records) > 0 {
			continue
		}
		if aws.ToInt64(out.MillisBehindLatest) == 0 {
			s.mu.Lock()
			s.tip = begun
			s.change()
			s.mu.Unlock()
		}
		if lake.Sleep(ctx, m.cfg.Poll) != nil {
			return
		}
	}
}

// room waits until the lanes can take more.
func (m *KinesisMapping) room(ctx context.Context, s *shard) error {
	for {
		s.mu.Lock()
		changed, free := s.changed, s.queued() < 2*m.cfg.BatchSize*len(s.lanes)
		s.mu.Unlock()
		if free {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// iterator returns one that goes on after what was read.
func (m *KinesisMapping) iterator(ctx context.Context, s *shard) (string, error) {
	in := &kinesis.GetShardIteratorInput{StreamName: &m.cfg.Stream, ShardId: &s.id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	s.mu.Lock()
	switch {
	case s.read != "":
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &s.read
	case s.latest && s.since.IsZero():
		in.ShardIteratorType, s.since = types.ShardIteratorTypeLatest, time.Now()
	case s.latest: // once it has begun, nothing may be passed over
		in.ShardIteratorType, in.Timestamp = types.ShardIteratorTypeAtTimestamp, &s.since
	}
	s.mu.Unlock()
	out, err := m.cfg.Client.GetShardIterator(ctx, in)
	if err != nil {
		return "", fmt.Errorf("iterator of %s: %w", s.id, err)
	}
	return aws.ToString(out.ShardIterator), nil
}

// distribute puts records into the lanes of their partition keys.
func (m *KinesisMapping) distribute(s *shard, out *kinesis.GetRecordsOutput) error {
	records := make([]record, len(out.Records))
	for i, r := range out.Records {
		var err error
		if records[i], err = newRecord(&m.cfg, s.id, r); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range records {
		if s.read != "" && compareSeq(r.seq, s.read) <= 0 {
			continue // an iterator may go back; the lanes have it
		}
		l := &s.lanes[lane(aws.ToString(out.Records[i].PartitionKey), len(s.lanes))]
		l.queue = append(l.queue, r)
		s.read = r.seq
	}
	s.change()
	return nil
}
