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
// was not reached, and err says why; err is nil when all are settled. Events
// that came in one stream record are settled together, as the caller can only
// hand them over again together. Handing over the same records again, also cut
// differently, gives the same verdicts.
func (h *Handed) Settle(ctx context.Context, shard lake.ShardID, records []lake.Record) (settled int, receipt lake.Receipt, err error) {
	if len(records) == 0 || ctx.Err() != nil {
		return 0, receipt, ctx.Err()
	}
	core := h.core(shard)
	verdicts, why := core.Take(ctx, records)
	if why != nil {
		decided := max(0, slices.Index(verdicts, lake.Pending)) // no verdicts: none is decided
		if decided == 0 || within(records, decided) {
			return h.fewer(ctx, shard, records, decided, why)
		}
		records = records[:decided]
	}
	first, last := records[0].Position, records[len(records)-1].Position
	commit, err := core.Flush(ctx, lake.Span{After: first.Before(), To: last})
	if err != nil {
		err = fmt.Errorf("keep events of %s: %w", shard, err)
		var undelivered *lake.Undelivered
		if !errors.As(err, &undelivered) {
			return 0, receipt, errors.Join(why, err)
		}
		kept := slices.IndexFunc(records, func(r lake.Record) bool { return !undelivered.First.After(r.Position) })
		return h.fewer(ctx, shard, records, max(0, kept), errors.Join(why, err))
	}
	receipt = lake.Receipt{Shard: shard, First: first, To: last, Events: int64(len(records)), Books: commit.Books}
	for i := range records {
		receipt.Time = max(receipt.Time, records[i].Received)
	}
	if h.receipts != nil {
		if err := h.receipts.Record(ctx, receipt); err != nil {
			return 0, receipt, errors.Join(why, fmt.Errorf("receipt of %s from %s: %w", shard, first, err))
		}
	}
	return len(records), receipt, why
}

// fewer settles the whole stream records among the first n events, after a
// failure behind them. Their claims are asked for again and some lines may be
// delivered twice by it, but a receipt can hold no part of a flush.
func (h *Handed) fewer(ctx context.Context, shard lake.ShardID, records []lake.Record, n int, why error) (int, lake.Receipt, error) {
	for n > 0 && within(records, n) {
		n--
	}
	if n == 0 {
		return 0, lake.Receipt{}, why
	}
	settled, receipt, err := h.Settle(ctx, shard, records[:n])
	return settled, receipt, errors.Join(why, err)
}

// within reports whether a cut before event n would part a stream record.
func within(records []lake.Record, n int) bool {
	return n > 0 && n < len(records) && records[n].Position.Seq == records[n-1].Position.Seq
}
