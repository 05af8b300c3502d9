package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
)

// laneState is a queue of records that are delivered in order. Records leave it
// when they are done with, so that what a stop interrupts comes again.
type laneState struct {
	queue  []record
	chunks []chunk // how the head of the queue is cut: the batch under way, or parts of one that failed
}

// chunk is a batch that was tried before, or a part of one.
type chunk struct{ records, attempts int }

// work delivers a lane's records until the shard is over or ctx ends.
func (m *KinesisMapping) work(ctx context.Context, s *shard, l *laneState) {
	pause := m.cfg.Pause
	for {
		batch, c, ok := m.nextBatch(ctx, s, l)
		if !ok {
			return
		}
		if old := m.tooOld(batch); old > 0 {
			if !m.giveUp(ctx, s, batch[:old], c, conditionAge) {
				return
			}
			s.done(l, old, len(batch), c.attempts)
			continue
		}
		res, err := m.cfg.Target.Invoke(ctx, event(batch))
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, lambda.ErrThrottled):
			if lake.Sleep(ctx, pause) != nil {
				return
			}
			pause = min(2*pause, 100*m.cfg.Pause)
		case errors.Is(err, lambda.ErrTooLarge):
			if !m.giveUp(ctx, s, batch, c, conditionAttempts) {
				return
			}
			s.done(l, len(batch), len(batch), 0)
		case err != nil:
			m.count(func(st *Stats) { st.Invocations++; st.Failures++ })
			m.cfg.Log.Warn("invocation failed", "shard", s.id, "records", len(batch), "attempt", c.attempts+1, "error", err)
			m.failed(ctx, s, l, batch, c, m.cfg.Bisect)
			if lake.Sleep(ctx, pause) != nil {
				return
			}
			pause = min(2*pause, 100*m.cfg.Pause)
		default:
			pause = m.answered(ctx, s, l, batch, c, res.Payload, pause)
		}
	}
}

// answered takes the function's own word for what it has done.
func (m *KinesisMapping) answered(ctx context.Context, s *shard, l *laneState, batch []record, c chunk, answer []byte, pause time.Duration) time.Duration {
	m.count(func(st *Stats) { st.Invocations++ })
	first := len(batch)
	if m.cfg.Report {
		ids := make([]string, len(batch))
		for i, r := range batch {
			ids[i] = r.seq
		}
		items, whole := failures(answer, ids)
		if whole {
			first = 0
		} else if len(items) > 0 {
			first = items[0]
		}
	}
	if first == len(batch) {
		if m.again() {
			return m.cfg.Pause // the checkpoint was not noted: the same batch comes again
		}
		m.count(func(st *Stats) { st.Delivered += int64(first) })
		s.done(l, first, first, 0)
		return m.cfg.Pause
	}
	m.count(func(st *Stats) { st.Partial++; st.Delivered += int64(first) })
	m.cfg.Log.Warn("items failed", "shard", s.id, "records", len(batch), "from", batch[first].seq, "attempt", c.attempts+1)
	rest := chunk{len(batch) - first, c.attempts}
	s.done(l, first, len(batch), c.attempts)
	m.failed(ctx, s, l, batch[first:], rest, false)
	if lake.Sleep(ctx, pause) == nil {
		pause = min(2*pause, 100*m.cfg.Pause)
	}
	return pause
}

// failed cuts a failed batch in two, or counts the attempt and gives the batch
// up after the last one.
func (m *KinesisMapping) failed(ctx context.Context, s *shard, l *laneState, batch []record, c chunk, bisect bool) {
	if bisect && len(batch) > 1 {
		half := len(batch) / 2
		s.cut(l, chunk{half, c.attempts}, chunk{len(batch) - half, c.attempts})
		return
	}
	c.attempts++
	if m.cfg.Attempts == 0 || c.attempts < m.cfg.Attempts {
		s.cut(l, c)
		return
	}
	if m.giveUp(ctx, s, batch, c, conditionAttempts) {
		s.done(l, len(batch), len(batch), 0)
	}
}

// tooOld returns how many records at the head are beyond the age limit.
func (m *KinesisMapping) tooOld(batch []record) int {
	if m.cfg.MaxAge == 0 {
		return 0
	}
	for i, r := range batch {
		if time.Since(r.arrived) <= m.cfg.MaxAge {
			return i
		}
	}
	return len(batch)
}

// nextBatch waits for the next batch of a lane; ok is false at the end.
func (m *KinesisMapping) nextBatch(ctx context.Context, s *shard, l *laneState) (batch []record, c chunk, ok bool) {
	for {
		s.mu.Lock()
		changed := s.changed
		wait := time.Duration(-1)
		switch {
		case len(l.queue) == 0:
			if s.ended {
				s.mu.Unlock()
				return nil, c, false
			}
		case len(l.chunks) > 0:
			c = l.chunks[0]
			batch = l.queue[:c.records:c.records]
		default:
			n, full := m.fill(l.queue)
			wait = m.cfg.Window - time.Since(l.queue[0].came)
			if full || s.ended || wait <= 0 {
				c = chunk{records: n}
				batch = l.queue[:n:n]
				l.chunks = []chunk{c}
			}
		}
		s.mu.Unlock()
		if batch != nil && ctx.Err() == nil {
			return batch, c, true
		}
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-changed:
		case <-timer:
		case <-ctx.Done():
			return nil, c, false
		}
	}
}

// fill returns how many records of the queue make a batch, and whether no
// further one would fit.
func (m *KinesisMapping) fill(queue []record) (n int, full bool) {
	size := envelope
	for n < len(queue) {
		size += len(queue[n].json) + 1
		if n == m.cfg.BatchSize || n > 0 && size > m.cfg.PayloadMax {
			return n, true
		}
		n++
	}
	return n, n == m.cfg.BatchSize
}
