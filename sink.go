package lake

import (
	"context"
	"fmt"
)

// Part is the enriched lines of one partition, ready to be kept.
type Part struct {
	Partition Partition
	Lines     []byte // NDJSON; every line ends in '\n'
	Events    int64  // lines
	First     Position
	MinTime   Instant // earliest event time
	MaxTime   Instant
	Received  Instant // latest log time
}

// Sink keeps the raw lines of a span.
type Sink interface {
	// Write returns nil when every line is kept durably. The files that it names
	// itself are returned: they become data by the ledger's commit, and the same
	// span again writes the same files. A sink that hands lines to a delivery
	// service returns no files, and a repeat may deliver lines twice. The sink
	// may take the memory of a part's Lines over; it sets Lines to nil then.
	// After an error any of the parts may have been kept, and those of an
	// *Undelivered error surely are not.
	Write(ctx context.Context, shard ShardID, span Span, parts []Part) ([]File, error)
}

// Undelivered is the error of a Sink that kept some parts and knows which it
// did not.
type Undelivered struct {
	First Position // the lowest position of a line that was not kept
	Parts int      // how many parts were not kept whole
	Err   error    // why
}

// Error names the first position that was not kept.
func (e *Undelivered) Error() string {
	return fmt.Sprintf("%d parts from position %s on were not kept: %v", e.Parts, e.First, e.Err)
}

// Unwrap returns the cause.
func (e *Undelivered) Unwrap() error { return e.Err }
