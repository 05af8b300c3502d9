package lake

import "context"

// Receipt says what became of a batch of records that was handed over, by a
// Lambda's event source for example, instead of read from a committed position.
//
// Shard and First name it: a batch that comes again begins at the same record,
// however it is cut, so recording its receipt again replaces the old one and
// nothing is counted twice.
type Receipt struct {
	Shard  ShardID
	First  Position // of the batch's first record
	To     Position // of the last record that was settled
	Events int64    // settled: unique, duplicate and quarantined
	Time   Instant  // latest log time among them
	Books  []Tally  // their verdicts, at most one entry a Book key
}

// Receipts keeps receipts, durably.
type Receipts interface {
	// Record keeps the receipt, in the place of one of the same Shard and First.
	Record(ctx context.Context, r Receipt) error
}
