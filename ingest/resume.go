package ingest

import (
	"context"
	"slices"

	"github.com/eventlake/lake"
)

// Resume returns how many of a shard's records, which are in order, were settled
// before, from the first on: Handed.Settle goes on behind them. Receipts prove it
// that begin at the first record or join on to each other, end at one of these
// records, and tell of just as many as lie between. What is not proved so is
// settled again, which is harmless. Without receipts (nil) nothing is proved.
func Resume(ctx context.Context, receipts lake.ReceiptFinder, shard lake.ShardID, records []lake.Record) (settled int, err error) {
	if len(records) == 0 || receipts == nil {
		return 0, ctx.Err()
	}
	for r, err := range receipts.ReceiptsIn(ctx, shard, records[0].Position, records[len(records)-1].Position) {
		if err != nil {
			return 0, err
		}
		// They come by First: when one begins behind a record that is not settled,
		// all that follow do.
		begin, ok := find(records, r.First)
		if !ok || begin > settled {
			continue
		}
		if end, ok := find(records, r.To); ok && int64(end+1-begin) == r.Events {
			settled = max(settled, end+1)
		}
	}
	return settled, nil
}

func find(records []lake.Record, p lake.Position) (int, bool) {
	return slices.BinarySearchFunc(records, p, func(r lake.Record, p lake.Position) int { return r.Position.Compare(p) })
}
