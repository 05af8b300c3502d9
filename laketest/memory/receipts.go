package memory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/eventlake/lake"
)

// Receipts is lake.Receipts, lake.ReceiptReader and lake.ReceiptFinder. It is safe for concurrent
// use.
type Receipts struct {
	mu   sync.Mutex
	kept map[batch]lake.Receipt
}

// batch names a receipt.
type batch struct {
	shard     lake.ShardID
	first, to lake.Position
}

// NewReceipts returns a Receipts without any.
func NewReceipts() *Receipts { return &Receipts{kept: map[batch]lake.Receipt{}} }

// Record implements lake.Receipts.
func (r *Receipts) Record(ctx context.Context, receipt lake.Receipt) error {
	if receipt.Shard == "" || receipt.First.IsZero() || receipt.First.After(receipt.To) {
		return fmt.Errorf("receipt of %q from %s to %s: %w", receipt.Shard, receipt.First, receipt.To, lake.ErrInvalid)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() == nil {
		r.kept[batch{receipt.Shard, receipt.First, receipt.To}] = receipt
	}
	return ctx.Err()
}

// Receipts implements lake.ReceiptReader.
func (r *Receipts) Receipts(ctx context.Context, from, to lake.Instant) iter.Seq2[lake.Receipt, error] {
	return func(yield func(lake.Receipt, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(lake.Receipt{}, err)
			return
		}
		for _, k := range r.all() {
			if k.Time >= from && k.Time < to && !yield(k, nil) {
				return
			}
		}
	}
}

// ReceiptsIn implements lake.ReceiptFinder.
func (r *Receipts) ReceiptsIn(ctx context.Context, shard lake.ShardID, first, last lake.Position) iter.Seq2[lake.Receipt, error] {
	return func(yield func(lake.Receipt, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(lake.Receipt{}, err)
			return
		}
		for _, k := range r.all() {
			if k.Shard == shard && !first.After(k.First) && !k.First.After(last) && !yield(k, nil) {
				return
			}
		}
	}
}

// all are the receipts by shard, First and To.
func (r *Receipts) all() []lake.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.kept), func(a, b lake.Receipt) int {
		return cmp.Or(cmp.Compare(a.Shard, b.Shard), a.First.Compare(b.First), a.To.Compare(b.To))
	})
}
