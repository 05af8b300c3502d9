package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventlake/lake"
)

// Handed settles batches that are handed over, as to a Lambda, instead of
// pulled by a Worker. It keeps no position and commits nothing: the caller
// hands over again what was not settled, and what was delivered twice by that
// is dropped where tables are made, which compares ids for ever. It belongs to
// one goroutine.
type Handed struct {
	newCore  func(lake.ShardID) *Core
	receipts lake.Receipts
	cores    map[lake.ShardID]*Core
}

// NewHanded returns a Handed that makes a Core for every shard it meets.
// Receipts may be nil.
func NewHanded(newCore func(lake.ShardID) *Core, receipts lake.Receipts) *Handed {
	return &Handed{newCore: newCore, receipts: receipts, cores: map[lake.ShardID]*Core{}}
}

// maxCores bounds the memory of a process that meets ever new shards.
const maxCores = 64

func (h *Handed) core(shard lake.ShardID) *Core {
	c := h.cores[shard]
	if c == nil {
		if len(h.cores) >= maxCores {
			clear(h.cores)
		}
		c = h.newCore(shard)
		h.cores[shard] = c
	}
	c.Reset()
	return c
}

// Settle decides about the records of one shard, which are in order, and keeps
// what is to be kept. It returns how many of them, from the first on, are
// settled: in raw, in quarantine, or known as duplicates of others. The rest
// was not reached, and err says why; err is nil when all are settled. Handing
// over the same records again, also cut differently, gives the same verdicts.
func (h *Handed) Settle(ctx context.Context, shard lake.ShardID, records []lake.Record) (settled int, receipt lake.Receipt, err error) {
	core := h.core(shard)
	verdicts, err := core.Take(ctx, records)
	settled = len(records)
	if err != nil {
		settled = max(0, slices.Index(verdicts, lake.Pending)) // no verdicts: nothing is settled
	}
	if settled == 0 {
		return 0, receipt, err
	}
	first, last := records[0].Position, records[settled-1].Position
	commit, flushed := core.Flush(ctx, lake.Span{After: first.Before(), To: last})
	if flushed != nil {
		return h.again(ctx, shard, records[:settled], flushed, err)
	}
	receipt = lake.Receipt{Shard: shard, First: first, To: last, Events: int64(settled), Books: commit.Books}
	for i := range records[:settled] {
		receipt.Time = max(receipt.Time, records[i].Received)
	}
	if h.receipts != nil {
		if failed := h.receipts.Record(ctx, receipt); failed != nil {
			return 0, receipt, errors.Join(err, fmt.Errorf("receipt of %s from %s: %w", shard, first, failed))
		}
	}
	return settled, receipt, err
}

// again settles the records before the first that could not be kept. Some of
// theirs may be delivered twice by it, but no receipt can hold a part of a
// flush.
func (h *Handed) again(ctx context.Context, shard lake.ShardID, records []lake.Record, flushed, before error) (int, lake.Receipt, error) {
	cause := errors.Join(before, fmt.Errorf("keep events of %s: %w", shard, flushed))
	var undelivered *lake.Undelivered
	if !errors.As(flushed, &undelivered) || ctx.Err() != nil {
		return 0, lake.Receipt{}, cause
	}
	n := slices.IndexFunc(records, func(r lake.Record) bool { return !undelivered.First.After(r.Position) })
	if n <= 0 {
		return 0, lake.Receipt{}, cause
	}
	settled, receipt, err := h.Settle(ctx, shard, records[:n])
	return settled, receipt, errors.Join(cause, err)
}
