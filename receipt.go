package lake

import (
	"cmp"
	"context"
	"iter"
	"slices"
)

// Receipt says what became of a batch of records that was handed over, by a
// Lambda's event source for example, instead of read from a committed position.
//
// Shard, First and To name it. A batch that comes again may be cut in another
// way: in two after a failure, or longer from the same record on when the
// answer was lost and others followed. Every cut that was settled has its
// receipt, as each says something for sure, and the verdicts of a record are
// the same in all: Disjoint tells which of them count.
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
	// Record keeps the receipt, in the place of one of the same Shard, First and
	// To; so a repeat changes nothing, and no other receipt is lost by it.
	// ErrInvalid when the receipt names no batch.
	Record(ctx context.Context, r Receipt) error
}

// ReceiptReader reads what Receipts keeps.
type ReceiptReader interface {
	// Receipts yields the receipts whose Time lies in [from, to), by Shard, First
	// and To.
	Receipts(ctx context.Context, from, to Instant) iter.Seq2[Receipt, error]
}

// ReceiptFinder finds what was settled of some records before.
type ReceiptFinder interface {
	// ReceiptsIn yields the shard's receipts that begin at a position from first
	// to last, both included, by First and To.
	ReceiptsIn(ctx context.Context, shard ShardID, first, last Position) iter.Seq2[Receipt, error]
}

// Disjoint returns those of a shard's receipts, by position, that together
// tell of the most events and of none twice. Batches begin where an accepted one
// has ended, so what any receipt tells of is told by these.
func Disjoint(receipts []Receipt) []Receipt {
	all := slices.SortedFunc(slices.Values(receipts), func(a, b Receipt) int {
		return cmp.Or(a.To.Compare(b.To), a.First.Compare(b.First))
	})
	// before is how many end before one begins.
	before := func(r Receipt) int {
		n, _ := slices.BinarySearchFunc(all, r.First, func(r Receipt, first Position) int { return r.To.Compare(first) })
		return n
	}
	most := make([]int64, len(all)+1) // events that the first n can tell of
	for i, r := range all {
		most[i+1] = max(most[i], most[before(r)]+r.Events)
	}
	var out []Receipt
	for n := len(all); n > 0; {
		if most[n] == most[n-1] {
			n--
			continue
		}
		out = append(out, all[n-1])
		n = before(all[n-1])
	}
	slices.Reverse(out)
	return out
}
