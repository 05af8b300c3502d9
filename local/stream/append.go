package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/eventlake/lake"
)

// call is the working memory of one Append.
type call struct {
	shards []uint8 // of each event
	order  []int32 // the events' indexes, grouped by shard, in the caller's order
	ends   []int   // where each shard's part of order ends
	groups []*group
}

// route is the shard of an event: the high bits of its ID, which is a hash.
func route(id *lake.ID, shards int) int {
	hi, _ := bits.Mul64(binary.BigEndian.Uint64(id[:8]), uint64(shards))
	return int(hi)
}

// Append implements lake.Stream. Events of all concurrent calls share the
// shards' fsyncs. Besides lake.ErrFull it returns lake.ErrInvalid (a body over
// lake.MaxBody, a source over 255 bytes; nothing was stored), lake.ErrClosed (the
// stream was closed or stopped itself) and the context's error; in the last case
// the events may still be stored after the return.
func (s *Stream) Append(ctx context.Context, events []lake.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.Err(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	c, _ := s.calls.Get().(*call)
	if c == nil {
		c = &call{}
	}
	defer func() {
		clear(c.groups)
		c.groups = c.groups[:0]
		s.calls.Put(c)
	}()
	size, err := s.plan(c, events)
	if err != nil {
		return err
	}
	if err := s.admit(size); err != nil {
		return err
	}
	added, begin := 0, 0
	open := true
	for i, end := range c.ends {
		if begin < end && open {
			var n int
			c.groups, n, open = s.shards[i].queue.add(events, c.order[begin:end], c.groups, &s.buffers)
			added += n
		}
		begin = end
	}
	s.queued.Add(int64(added - size))
	if err := await(ctx, c.groups); err != nil {
		return fmt.Errorf("append %d events: %w", len(events), err)
	}
	if !open {
		return errClosed
	}
	return nil
}

// plan sorts the events by shard and returns about how many bytes they take.
func (s *Stream) plan(c *call, events []lake.Event) (size int, err error) {
	n := len(s.shards)
	c.shards = slices.Grow(c.shards[:0], len(events))[:len(events)]
	c.order = slices.Grow(c.order[:0], len(events))[:len(events)]
	c.ends = slices.Grow(c.ends[:0], n)[:n]
	clear(c.ends)
	for i := range events {
		e := &events[i]
		if len(e.Body) > lake.MaxBody || len(e.Source) > maxSource {
			return 0, lake.Errorf(lake.ErrInvalid, "", "event %d: a body of %d bytes, a source of %d; at most %d and %d",
				i, len(e.Body), len(e.Source), lake.MaxBody, maxSource)
		}
		sh := route(&e.ID, n)
		c.shards[i] = uint8(sh)
		c.ends[sh]++
		size += len(e.Body) + 20
	}
	at := 0
	for i, count := range c.ends {
		c.ends[i] = at
		at += count
	}
	for i, sh := range c.shards {
		c.order[c.ends[sh]] = int32(i)
		c.ends[sh]++
	}
	return size, nil
}

// admit reserves room in the queue for size bytes, or returns lake.ErrFull.
func (s *Stream) admit(size int) error {
	waiting := s.queued.Add(int64(size)) - int64(size)
	err := s.refuse(waiting, int64(size))
	if err != nil {
		s.queued.Add(int64(-size))
	}
	return err
}

func (s *Stream) refuse(waiting, size int64) error {
	o := &s.options
	if waiting > 0 && waiting+size > o.MaxQueue {
		return lake.Errorf(lake.ErrFull, "the disk is slower than what comes in; send less, or try again in a second",
			"%d bytes wait to be stored", waiting)
	}
	if have := s.bytes.Load(); o.MaxBytes > 0 && have+waiting+size > o.MaxBytes {
		return lake.Errorf(lake.ErrFull, "wait until ingest has caught up, or raise the stream's size limit",
			"the stream has %d of at most %d bytes", have, o.MaxBytes)
	}
	if o.Free == nil || o.Reserve <= 0 {
		return nil
	}
	free, err := o.Free()
	if err != nil {
		return fmt.Errorf("free disk space: %w", err)
	}
	if free-waiting-size < o.Reserve {
		return lake.Errorf(lake.ErrFull, "free some space on the data directory's disk; the lake goes on by itself",
			"%d bytes of disk are free and %d are kept back", free, o.Reserve)
	}
	return nil
}

// await waits until all groups are stored. It is lake.ErrFull only when none
// was, as the port promises.
func await(ctx context.Context, groups []*group) error {
	var stored int
	var failure error
	for _, g := range groups {
		select {
		case <-g.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case g.err == nil:
			stored++
		case failure == nil || !errors.Is(failure, lake.ErrClosed):
			failure = g.err
		}
	}
	if failure != nil && stored > 0 && errors.Is(failure, lake.ErrFull) {
		return fmt.Errorf("stored in part: %v", failure) // not wrapped: it must not be lake.ErrFull
	}
	return failure
}
