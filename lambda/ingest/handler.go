// Package ingest is the Lambda behind the stream: a batch of Kinesis records
// becomes settled events, or the answer says from which record on it does not.
package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/event"
	"github.com/eventlake/lake/aws/kinesis"
	stage "github.com/eventlake/lake/ingest"
)

// Config is what a Handler works with.
type Config struct {
	Handed *stage.Handed
	Unpack kinesis.UnpackOptions
	// Settled tells what of a batch was settled before, for a caller whose batches
	// come long after they were given up. Nil: every batch from its first record.
	Settled lake.ReceiptFinder
	// Margin is the time before the deadline at which work stops, so that the
	// answer still leaves; default 2 s.
	Margin time.Duration
	// Done is called after every batch, for metrics. May be nil.
	Done func(Batch)
	Log  *slog.Logger
}

// Batch says what became of one batch.
type Batch struct {
	Shard   lake.ShardID
	Records int // of the stream
	Events  int // in them
	Settled int // events
	Receipt lake.Receipt
	Age     time.Duration // of the oldest event when the batch came
	Took    time.Duration
}

// Handler settles batches, one at a time, as Lambda calls it.
type Handler struct {
	config Config
	unpack *kinesis.Unpacker

	batch  event.Batch
	events []lake.Record
	ends   []int // where each stream record's events end
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Margin <= 0 {
		c.Margin = 2 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Done == nil {
		c.Done = func(Batch) {}
	}
	return &Handler{config: c, unpack: kinesis.NewUnpacker(c.Unpack)}
}

// Invoke takes the payload of an event source mapping with
// ReportBatchItemFailures. The answer names the first record of each shard
// that was not settled; the mapping comes again from there. Only a payload
// that is none of Kinesis is an error: then the whole batch comes again.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := event.Margin(ctx, h.config.Margin)
	defer cancel()
	failures, err := h.Settle(ctx, payload)
	if err != nil {
		return nil, err
	}
	return failures.Encode(), nil
}

// Settle is Invoke without the margin and the encoding: it returns the sequence
// numbers from which on records are not settled.
func (h *Handler) Settle(ctx context.Context, payload []byte) (failures event.Failures, err error) {
	if err := h.batch.Decode(payload); err != nil {
		return nil, err
	}
	for from := 0; from < len(h.batch.Records); {
		to := from + 1 // a mapping sends one shard; whoever else calls may mix
		for to < len(h.batch.Records) && h.batch.Records[to].Shard == h.batch.Records[from].Shard {
			to++
		}
		if failed := h.shard(ctx, h.batch.Records[from:to]); failed != "" {
			failures = append(failures, failed)
		}
		from = to
	}
	return failures, nil
}

// settle settles the events, but for those from the first on that were before.
func (h *Handler) settle(ctx context.Context, shard lake.ShardID) (settled int, receipt lake.Receipt, err error) {
	before, err := stage.Resume(ctx, h.config.Settled, shard, h.events)
	if err != nil {
		return 0, receipt, fmt.Errorf("what of a batch is settled: %w", err)
	}
	settled, receipt, err = h.config.Handed.Settle(ctx, shard, h.events[before:])
	return before + settled, receipt, err
}

// shard settles the records of one shard and returns the sequence number of
// the first that is not, or "".
func (h *Handler) shard(ctx context.Context, records []event.StreamRecord) (failed string) {
	begun := time.Now()
	h.events, h.ends = h.events[:0], h.ends[:0]
	for i := range records {
		r := &records[i]
		h.events = h.unpack.Unpack(h.events, r.Position, r.Arrived, r.Data)
		h.ends = append(h.ends, len(h.events))
	}
	shard := records[0].Shard
	settled, receipt, err := h.settle(ctx, shard)
	for i, end := range h.ends {
		if end > settled {
			failed = records[i].Sequence
			break
		}
	}
	if err != nil {
		h.config.Log.Error("a batch comes again", "shard", shard, "from", failed, "events", len(h.events), "settled", settled,
			"error", err, "hint", lake.Hint(err))
	}
	b := Batch{Shard: shard, Records: len(records), Events: len(h.events), Settled: settled, Receipt: receipt, Took: time.Since(begun)}
	for i := range h.events {
		b.Age = max(b.Age, lake.InstantOf(begun).Sub(h.events[i].Received))
	}
	h.config.Done(b)
	return failed
}
