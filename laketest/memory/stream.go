package memory

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/eventlake/lake"
)

// Stream is a lake.Stream in memory. Its positions are ordinals from 1. What
// was appended lives as long as the value, so the same value stands for a stream
// that was opened again.
type Stream struct {
	mu      sync.Mutex
	roots   int // how many of the shards were there from the start
	shards  []*streamShard
	changed chan struct{} // closed and replaced at every append
}

var _ lake.Stream = (*Stream)(nil)

type streamShard struct {
	id       lake.ShardID
	trimmed  int // how many records are gone
	records  []lake.Record
	time     lake.Instant
	parents  []lake.ShardID
	children []*streamShard // two, once it takes no more; the same one twice when it was merged
}

// NewStream makes an empty stream of n shards, named shard-000 and so on.
func NewStream(n int) *Stream {
	s := &Stream{roots: n, changed: make(chan struct{})}
	for i := range n {
		s.shards = append(s.shards, &streamShard{id: lake.ShardID(fmt.Sprintf("shard-%03d", i))})
	}
	return s
}

// Append implements lake.Stream.
func (s *Stream) Append(ctx context.Context, events []lake.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, e := range events {
		if len(e.Body) > lake.MaxBody {
			return lake.Errorf(lake.ErrInvalid, "", "event %d: a body of %d bytes", i, len(e.Body))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		sh := s.route(e.ID)
		sh.time = max(sh.time, e.Received)
		e.Received = sh.time
		e.Body = bytes.Clone(e.Body)
		sh.records = append(sh.records, lake.Record{Position: lake.Pos(uint64(sh.trimmed + len(sh.records) + 1)), Event: e})
	}
	if len(events) > 0 {
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return nil
}

// route finds the open shard for an ID. mu is held.
func (s *Stream) route(id lake.ID) *streamShard {
	sh := s.shards[binary.BigEndian.Uint16(id[:])%uint16(s.roots)]
	for bits := binary.BigEndian.Uint64(id[8:]); sh.children != nil; bits >>= 1 {
		sh = sh.children[bits&1]
	}
	return sh
}

// Split closes a shard and opens two children that share what would have come
// to it.
func (s *Stream) Split(id lake.ShardID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shards {
		if sh.id != id {
			continue
		}
		if sh.children != nil {
			return lake.Errorf(lake.ErrInvalid, "", "shard %q is closed", string(id))
		}
		for range 2 {
			child := &streamShard{id: lake.ShardID(fmt.Sprintf("shard-%03d", len(s.shards))), time: sh.time, parents: []lake.ShardID{id}}
			sh.children, s.shards = append(sh.children, child), append(s.shards, child)
		}
		close(s.changed)
		s.changed = make(chan struct{})
		return nil
	}
	return lake.Errorf(lake.ErrNotFound, "", "shard %q", string(id))
}

// Merge closes two shards and opens a child that gets what would have come to
// them.
func (s *Stream) Merge(a, b lake.ShardID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	child := &streamShard{id: lake.ShardID(fmt.Sprintf("shard-%03d", len(s.shards))), parents: []lake.ShardID{a, b}}
	var merged []*streamShard
	for _, sh := range s.shards {
		if (sh.id == a || sh.id == b) && sh.children == nil {
			merged, child.time = append(merged, sh), max(child.time, sh.time)
		}
	}
	if len(merged) != 2 {
		return lake.Errorf(lake.ErrInvalid, "", "shards %q and %q are not two that are open", string(a), string(b))
	}
	for _, sh := range merged {
		sh.children = []*streamShard{child, child}
	}
	s.shards = append(s.shards, child)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// Shards implements lake.Stream.
func (s *Stream) Shards(context.Context) ([]lake.Shard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]lake.Shard, len(s.shards))
	for i, sh := range s.shards {
		out[i] = lake.Shard{ID: sh.id, Trimmed: lake.Pos(uint64(sh.trimmed)), Last: lake.Pos(uint64(sh.last())),
			Parents: sh.parents, Closed: sh.children != nil}
	}
	return out, nil
}

func (sh *streamShard) last() int { return sh.trimmed + len(sh.records) }

// find returns a shard and the index of the first record after the position.
// mu is held.
func (s *Stream) find(id lake.ShardID, after lake.Position) (*streamShard, int, error) {
	for _, sh := range s.shards {
		if sh.id != id {
			continue
		}
		n, ok := after.Uint64()
		switch {
		case !ok:
			return nil, 0, lake.Errorf(lake.ErrInvalid, "", "position %s", after)
		case n < uint64(sh.trimmed):
			return nil, 0, lake.Errorf(lake.ErrTrimmed, "", "%s: position %d", id, n+1)
		}
		return sh, int(min(n, uint64(sh.last()))) - sh.trimmed, nil
	}
	return nil, 0, lake.Errorf(lake.ErrNotFound, "", "shard %q", string(id))
}

// Read implements lake.Stream. Bodies are copied into b.Buf.
func (s *Stream) Read(ctx context.Context, id lake.ShardID, after lake.Position, want int, b *lake.Batch) error {
	b.Shard, b.Records, b.Buf = id, b.Records[:0], b.Buf[:0]
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh, i, err := s.find(id, after)
	if err != nil {
		return err
	}
	for _, r := range sh.records[i:] {
		at := len(b.Buf)
		b.Buf = append(b.Buf, r.Body...)
		r.Body = b.Buf[at:len(b.Buf):len(b.Buf)]
		b.Records = append(b.Records, r)
		if len(b.Buf) >= want {
			break
		}
	}
	return nil
}

// Wait implements lake.Stream.
func (s *Stream) Wait(ctx context.Context, id lake.ShardID, after lake.Position) error {
	for {
		s.mu.Lock()
		n, ok := after.Uint64()
		var sh *streamShard
		for _, c := range s.shards {
			if c.id == id {
				sh = c
			}
		}
		changed := s.changed
		has := sh != nil && ok && n < uint64(sh.last())
		ended := sh != nil && sh.children != nil
		s.mu.Unlock()
		switch {
		case sh == nil:
			return lake.Errorf(lake.ErrNotFound, "", "shard %q", string(id))
		case !ok:
			return lake.Errorf(lake.ErrInvalid, "", "position %s", after)
		case has:
			return nil
		case ended:
			return lake.Errorf(lake.ErrEnded, "", "shard %q after %s", string(id), after)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Trim forgets the records of a shard up to and including a position.
func (s *Stream) Trim(id lake.ShardID, to lake.Position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shards {
		if sh.id != id {
			continue
		}
		n, ok := to.Uint64()
		if !ok || n > uint64(sh.last()) {
			return lake.Errorf(lake.ErrInvalid, "", "position %s", to)
		}
		if drop := int(n) - sh.trimmed; drop > 0 {
			sh.records = append([]lake.Record(nil), sh.records[drop:]...)
			sh.trimmed += drop
		}
		return nil
	}
	return lake.Errorf(lake.ErrNotFound, "", "shard %q", string(id))
}
