package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// Events is where Send takes events from; *Input is one.
type Events interface {
	// Next returns the next event, one JSON value without a line break, valid
	// until the next call; io.EOF at the end. lake.ErrLimit means that one
	// event was left out as too large and more follow.
	Next() ([]byte, error)
}

// Hooks are told how a Send goes on, one call at a time. Nil ones are skipped.
type Hooks struct {
	Acked    func(Ack)          // each acknowledged batch, in the order of the acknowledgements
	Prefix   func(events int64) // the first so many events are all acknowledged
	Progress func(Report)       // after each acknowledgement
}

// Report counts what became of the events of one Send.
type Report struct {
	Events      int64                 `json:"events"` // read so far and handed to a connection
	Accepted    int64                 `json:"accepted"`
	Quarantined int64                 `json:"quarantined"`
	Dropped     int64                 `json:"dropped"` // too large for any request; not stored
	Reasons     map[lake.Reason]int64 `json:"reasons"` // of the quarantined
	Bytes       int64                 `json:"bytes"`   // of acknowledged batches, before compression
	Requests    int64                 `json:"requests"`
	Retries     int64                 `json:"retries"`
	Elapsed     time.Duration         `json:"elapsed_ns"`
}

// Acknowledged is the number of events that the lake has stored.
func (r Report) Acknowledged() int64 { return r.Accepted + r.Quarantined }

// Rate is the number of acknowledged events a second.
func (r Report) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Acknowledged()) / r.Elapsed.Seconds()
}

// Add sums another Send into r; Reasons must not be nil.
func (r *Report) Add(o Report) {
	r.Events += o.Events
	r.Accepted += o.Accepted
	r.Quarantined += o.Quarantined
	r.Dropped += o.Dropped
	for reason, n := range o.Reasons {
		r.Reasons[reason] += n
	}
	r.Bytes += o.Bytes
	r.Requests += o.Requests
	r.Retries += o.Retries
	r.Elapsed += o.Elapsed
}

// Send sends all events and returns when each is acknowledged, or with the
// first error; what was acknowledged until then is in the report. Events may
// reach the lake in another order than they were read in.
func (c *Client) Send(ctx context.Context, events Events, hooks Hooks) (Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &sending{client: c, hooks: hooks, cancel: cancel, began: time.Now(), full: make(chan Batch)}
	s.report.Reasons = map[lake.Reason]int64{}
	var posting sync.WaitGroup
	for range c.o.Connections {
		posting.Go(func() { s.post(ctx) })
	}
	read := s.read(ctx, events)
	posting.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Elapsed = time.Since(s.began)
	if err := context.Cause(ctx); err != nil {
		return s.report, err
	}
	return s.report, read
}

// sending is the state of one Send.
type sending struct {
	client *Client
	hooks  Hooks
	cancel context.CancelCauseFunc
	began  time.Time
	full   chan Batch

	mu     sync.Mutex // guards what follows
	report Report
	prefix prefix
}

// post posts batches until there are no more.
func (s *sending) post(ctx context.Context) {
	for b := range s.full {
		ack, err := s.client.Post(ctx, b)
		if err != nil {
			s.cancel(err)
			continue // drains the channel, so that the reader never waits for nobody
		}
		s.acknowledge(ack)
	}
}

// acknowledge counts a batch and tells the hooks.
func (s *sending) acknowledge(a Ack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.report
	r.Accepted += int64(a.Events - len(a.Quarantined) - len(a.Dropped))
	r.Quarantined += int64(len(a.Quarantined))
	r.Dropped += int64(len(a.Dropped))
	for _, q := range a.Quarantined {
		r.Reasons[q.Reason]++
	}
	r.Bytes += int64(len(a.Body))
	r.Requests += int64(a.Retries) + 1
	r.Retries += int64(a.Retries)
	r.Elapsed = time.Since(s.began)
	if s.hooks.Acked != nil {
		s.hooks.Acked(a)
	}
	s.done(a.First, int64(a.Events))
	if s.hooks.Progress != nil {
		s.hooks.Progress(*r)
	}
}

// done moves the prefix; the lock is held.
func (s *sending) done(first, n int64) {
	if s.prefix.add(first, n) && s.hooks.Prefix != nil {
		s.hooks.Prefix(s.prefix.end)
	}
}

// read cuts the events into batches. A batch that does not fill is sent when it
// has waited for Options.Linger, so that a slow source is seen soon too.
func (s *sending) read(ctx context.Context, events Events) error {
	b := &batcher{o: s.client.o, full: s.full}
	stop := make(chan struct{})
	var lingering sync.WaitGroup
	lingering.Go(func() { b.linger(ctx, stop) })
	err := s.pull(ctx, events, b)
	close(stop)
	lingering.Wait()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	b.mu.Lock()
	b.flush(ctx) // what was read before an error is sent too
	b.mu.Unlock()
	close(s.full)
	return err
}

// pull reads events into the batcher until the end or an error.
func (s *sending) pull(ctx context.Context, events Events, b *batcher) error {
	for n := int64(0); ; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		event, err := events.Next()
		switch {
		case err == nil:
			b.add(ctx, n, event)
		case errors.Is(err, lake.ErrLimit):
			s.client.o.Logger.Warn("event left out", "event", n+1, "error", err)
			b.leaveOut(ctx)
			s.leftOut(n)
		case errors.Is(err, io.EOF):
			return err
		default:
			return fmt.Errorf("read event %d: %w", n+1, err)
		}
		s.mu.Lock()
		s.report.Events = n + 1
		s.mu.Unlock()
	}
}

// leftOut counts an event that was too large to be read.
func (s *sending) leftOut(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Dropped++
	s.done(n, 1)
}
