package kinesis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventlake/lake"
)

// call is the working memory of one Append.
type call struct {
	lanes  []int32 // of each event
	order  []int32 // the events' indexes, grouped by lane, in the caller's order
	ends   []int   // where each lane's part of order ends
	groups []*group
	ready  []*lane
}

// maxSource is the longest name of a source that is written.
const maxSource = 255

// Append implements lake.Stream. Events go to the shard that takes their ID as a
// hash key. What waits for one shard, from all concurrent calls, shares records.
//
// Throttled and failed records are sent again, with pauses, until
// Options.Patience or the context's deadline would end. Besides lake.ErrFull it
// returns lake.ErrInvalid (an event that does not fit into a record or a source
// that is no name; nothing was stored), lake.ErrNotFound (no such stream),
// awsapi.ErrDenied, awsapi.ErrUnknown and awsapi.ErrUnreachable, and the
// context's error: then the events may still be stored after the return.
func (s *Stream) Append(ctx context.Context, events []lake.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	routes, err := s.route(ctx)
	if err != nil {
		return fmt.Errorf("append %d events: %w", len(events), err)
	}
	c, _ := s.calls.Get().(*call)
	if c == nil {
		c = &call{}
	}
	defer func() {
		clear(c.groups)
		clear(c.ready)
		c.groups, c.ready = c.groups[:0], c.ready[:0]
		s.calls.Put(c)
	}()
	size, err := s.plan(c, routes, events)
	if err != nil {
		return err
	}
	if err := s.admit(int64(size)); err != nil {
		return err
	}
	until := time.Now().Add(s.options.Patience)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	begin := 0
	for i, end := range c.ends {
		if begin < end {
			l := routes.lanes[i]
			if l.add(c, events, c.order[begin:end], until) {
				c.ready = append(c.ready, l)
			}
		}
		begin = end
	}
	s.schedule(c.ready...)
	if err := await(ctx, c.groups); err != nil {
		return fmt.Errorf("append %d events: %w", len(events), err)
	}
	return nil
}

// plan sorts the events by lane and returns about how many bytes they take.
func (s *Stream) plan(c *call, r *routes, events []lake.Event) (size int, err error) {
	c.lanes = slices.Grow(c.lanes[:0], len(events))[:len(events)]
	c.order = slices.Grow(c.order[:0], len(events))[:len(events)]
	c.ends = slices.Grow(c.ends[:0], len(r.lanes))[:len(r.lanes)]
	clear(c.ends)
	for i := range events {
		e := &events[i]
		if err := s.check(e); err != nil {
			return 0, fmt.Errorf("event %d: %w", i, err)
		}
		l := r.find(hashKey{binary.BigEndian.Uint64(e.ID[:8]), binary.BigEndian.Uint64(e.ID[8:])})
		c.lanes[i] = int32(l)
		c.ends[l]++
		size += queuedSize(e)
	}
	at := 0
	for i, count := range c.ends {
		c.ends[i] = at
		at += count
	}
	for i, l := range c.lanes {
		c.order[c.ends[l]] = int32(i)
		c.ends[l]++
	}
	return size, nil
}

// queuedSize is what an event counts against Options.MaxQueue.
func queuedSize(e *lake.Event) int { return len(e.Body) + 64 }

// check refuses what could not come back as it is.
func (s *Stream) check(e *lake.Event) error {
	if len(e.Body) > lake.MaxBody || len(e.Source) > maxSource {
		return lake.Errorf(lake.ErrInvalid, "", "a body of %d bytes, a source of %d; at most %d and %d", len(e.Body), len(e.Source), lake.MaxBody, maxSource)
	}
	if s.fits(e) {
		return nil
	}
	var p Packer
	p.Add(e)
	data, err := s.seal(&p)
	if err != nil {
		return err
	}
	// The time may still grow by some digits when it is set to the shard's.
	if size := len(data) + partitionKey + 20; size > s.options.MaxRecord {
		return lake.Errorf(lake.ErrInvalid, "raise the stream's maximum record size, and this one with it, up to 10 MiB",
			"a body of %d bytes makes a record of %d, compressed; the stream takes %d", len(e.Body), size, s.options.MaxRecord)
	}
	return nil
}

// fits reports whether an event needs no compression to be a record.
func (s *Stream) fits(e *lake.Event) bool {
	return frameSize+eventSize+len(e.Source)+len(e.Body)+partitionKey <= s.options.MaxRecord
}

// admit reserves room in the queue, or returns lake.ErrFull.
func (s *Stream) admit(size int64) error {
	waiting := s.queued.Add(size) - size
	if waiting == 0 || waiting+size <= s.options.MaxQueue {
		return nil
	}
	s.queued.Add(-size)
	return lake.Errorf(lake.ErrFull, "the stream takes less than comes in: add shards, or send less", "%d bytes wait to be stored", waiting)
}

// errPart says that there was room for some of the events only.
var errPart = errors.New("stored in part")

// await waits until all groups are stored. It is lake.ErrFull only when none
// was, as the port promises.
func await(ctx context.Context, groups []*group) error {
	var failure error
	stored := false
	for _, g := range groups {
		select {
		case <-g.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case g.err == nil:
			stored = true
		case failure == nil || errors.Is(failure, lake.ErrFull):
			failure = g.err
		}
	}
	if failure != nil && stored && errors.Is(failure, lake.ErrFull) {
		return fmt.Errorf("%w: %v", errPart, failure) // not wrapped: it must not be lake.ErrFull
	}
	return failure
}
