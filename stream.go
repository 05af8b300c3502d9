package lake

import "context"

// ShardID names one ordered part of a stream, e.g. "shard-000".
type ShardID string

// Shard is one ordered part of a stream.
type Shard struct {
	ID      ShardID
	Trimmed Position  // the last position that is no longer kept; zero when all are, or when that is not known
	Last    Position  // the last durable position; zero when empty, or when that is not known
	Parents []ShardID // shards to finish first (after a reshard)
	Closed  bool      // no more records will come
}

// Stream stores events in order, shard by shard, and keeps them for a while.
type Stream interface {
	// Append stores the events durably before it returns nil. Events of one ID
	// always go to one shard while the number of shards stays the same; order
	// within a call is kept per shard. It is at least once: after an error any
	// part of the events may have been stored, and trying again may store them
	// twice. ErrFull means that nothing was stored and there is no room now.
	// Bodies are not kept after return.
	Append(ctx context.Context, events []Event) error

	// Shards lists the shards with their durable ends, parents before children.
	Shards(ctx context.Context) ([]Shard, error)

	// Read fills b with records after the position, in order, at least one when
	// there is one, and about max bytes of bodies. It never waits: an empty
	// batch means that the end was reached. Any consumer may read any position
	// inside retention, any number of times, with the same result, but for the
	// Gist of an event, which may be there or not. Errors:
	// ErrTrimmed (older than retention), ErrCorrupt, ErrNotFound (no such shard).
	Read(ctx context.Context, shard ShardID, after Position, max int, b *Batch) error

	// Wait returns nil once the shard may hold a record after the position, or
	// the context's error. ErrEnded: there is none and there never will be,
	// because the shard is closed.
	Wait(ctx context.Context, shard ShardID, after Position) error
}

// Batch is what one Read returned. A caller reuses one batch for many reads:
// records and bodies are valid until the next Read into it.
type Batch struct {
	Shard   ShardID
	Records []Record

	// Buf is the adapter's memory for bodies, kept for reuse.
	Buf []byte
}

// Span returns the span the batch covers; after is the position it was read
// after.
func (b *Batch) Span(after Position) Span {
	if len(b.Records) == 0 {
		return Span{after, after}
	}
	return Span{after, b.Records[len(b.Records)-1].Position}
}
