package raw

import (
	"cmp"
	"context"
	"slices"

	"github.com/eventlake/lake"
)

// Buffer gathers enriched lines by partition between two flushes of one
// worker. It is used by one goroutine.
type Buffer struct {
	parts map[lake.Partition]*Part
	bytes int64
	free  *Memory
}

// NewBuffer returns an empty buffer that takes its memory from free.
func NewBuffer(free *Memory) *Buffer {
	return &Buffer{parts: map[lake.Partition]*Part{}, free: free}
}

// Part gathers the lines of one partition.
type Part struct {
	buffer *Buffer
	part   lake.Part
}

// Part returns the part of the partition, made when needed. It is valid until
// the next Reset, so a caller may keep it between events.
func (b *Buffer) Part(p lake.Partition) *Part {
	part := b.parts[p]
	if part == nil {
		part = &Part{buffer: b, part: lake.Part{Partition: p}}
		b.parts[p] = part
	}
	return part
}

// Add appends one event. The body's bytes are copied.
func (p *Part) Add(body []byte, f *Fields) {
	to := &p.part
	before := len(to.Lines)
	if need := before + len(body) + f.size(); need > cap(to.Lines) {
		to.Lines = p.buffer.free.Grow(to.Lines, need)
	}
	to.Lines = Append(to.Lines, body, f)
	p.buffer.bytes += int64(len(to.Lines) - before)
	if to.Events == 0 {
		to.First, to.MinTime, to.MaxTime = f.Position, f.Created, f.Created
	}
	to.MinTime, to.MaxTime = min(to.MinTime, f.Created), max(to.MaxTime, f.Created)
	to.Received = max(to.Received, f.Received)
	to.Events++
}

// Parts is the number of files that a Write would make.
func (b *Buffer) Parts() int { return len(b.parts) }

// Bytes is the number of uncompressed bytes in the buffer.
func (b *Buffer) Bytes() int64 { return b.bytes }

// Reset empties the buffer and invalidates its parts.
func (b *Buffer) Reset() {
	for _, p := range b.parts {
		b.free.Put(p.part.Lines)
	}
	clear(b.parts)
	b.bytes = 0
}

// Write hands the parts to the sink, in partition order, so that what is
// written does not depend on map order. The buffer is empty afterwards.
func (b *Buffer) Write(ctx context.Context, sink lake.Sink, shard lake.ShardID, span lake.Span) ([]lake.File, error) {
	parts := make([]lake.Part, 0, len(b.parts))
	for _, p := range b.parts {
		if p.part.Events > 0 {
			parts = append(parts, p.part)
		}
		p.part.Lines = nil
	}
	slices.SortFunc(parts, func(x, y lake.Part) int {
		return cmp.Or(cmp.Compare(x.Partition.Type, y.Partition.Type),
			cmp.Compare(x.Partition.Subtype, y.Partition.Subtype),
			cmp.Compare(x.Partition.Day, y.Partition.Day))
	})
	if len(parts) == 0 {
		b.Reset()
		return nil, nil
	}
	files, err := sink.Write(ctx, shard, span, parts)
	for i := range parts {
		b.free.Put(parts[i].Lines)
	}
	b.Reset()
	return files, err
}
