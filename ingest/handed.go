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
//
// When the context has a deadline, no step takes all the time before it: what
// was claimed in its share is kept in what is left, so that a repeat always has
// less to do.
func (h *Handed) Settle(ctx context.Context, shard lake.ShardID, records []lake.Record) (settled int, receipt lake.Receipt, err error) {
	if len(records) == 0 || ctx.Err() != nil {
		return 0, receipt, ctx.Err()
	}
	core, shares := h.core(shard), share(ctx)
	defer shares.end()
	defer func() { core.remember(err) }()
	n, why := core.takeBy(shares.claiming, shares.naming, records)
	for n > 0 {
		first, last := records[0].Position, records[n-1].Position
		commit, err := core.Flush(shares.flushing, lake.Span{After: first.Before(), To: last})
		if err == nil {
			receipt = lake.Receipt{Shard: shard, First: first, To: last, Events: int64(n), Books: commit.Books}
			return h.receipted(ctx, receipt, records[:n], why)
		}
		why = errors.Join(why, fmt.Errorf("keep events of %s: %w", shard, err))
		var undelivered *lake.Undelivered
		if !errors.As(err, &undelivered) {
			return 0, receipt, why
		}
		// What lies before is delivered, and some of it is once more by this, but
		// a receipt can hold no part of a flush.
		shares.flushing = ctx
		n = whole(records, max(0, slices.IndexFunc(records[:n], func(r lake.Record) bool { return !undelivered.First.After(r.Position) })))
		if err := core.again(ctx, records[:n]); err != nil {
			return 0, receipt, errors.Join(why, err)
		}
	}
	return 0, receipt, why
}

// receipted notes what was counted for the records, which are kept.
func (h *Handed) receipted(ctx context.Context, r lake.Receipt, records []lake.Record, why error) (int, lake.Receipt, error) {
	for i := range records {
		r.Time = max(r.Time, records[i].Received)
	}
	if h.receipts != nil {
		if err := h.receipts.Record(ctx, r); err != nil {
			return 0, r, errors.Join(why, fmt.Errorf("receipt of %s from %s: %w", r.Shard, r.First, err))
		}
	}
	return len(records), r, why
}

// takeBy takes the records, with a context for the claims and one for what
// follows on them. It returns how many of them, in whole stream records, were
// taken and nothing else was.
func (c *Core) takeBy(claiming, naming context.Context, records []lake.Record) (int, error) {
	c.read(records)
	verdicts, why := c.answer(naming, records, c.claim(claiming))
	if why == nil {
		return len(records), nil
	}
	decided := max(0, slices.Index(verdicts, lake.Pending))
	n := whole(records, decided)
	if n < decided {
		if err := c.again(naming, records[:n]); err != nil {
			return 0, errors.Join(why, err)
		}
	}
	return n, why
}

// whole is how many of the first n events make up whole stream records.
func whole(records []lake.Record, n int) int {
	for within(records, n) {
		n--
	}
	return n
}

// within reports whether a cut before event n would part a stream record.
func within(records []lake.Record, n int) bool {
	return n > 0 && n < len(records) && records[n].Position.Seq == records[n-1].Position.Seq
}
