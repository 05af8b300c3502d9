package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/raw"
)

// delivery is a sink as a delivery service: it keeps lines and names no files.
type delivery struct {
	lines   []string
	refuses map[string]bool // types whose parts it does not take
}

func (d *delivery) Write(_ context.Context, _ lake.ShardID, _ lake.Span, parts []lake.Part) ([]lake.File, error) {
	lost := &lake.Undelivered{Err: errors.New("throttled")}
	for _, p := range parts {
		if d.refuses[p.Partition.Type] {
			if lost.Parts++; lost.Parts == 1 || lost.First.After(p.First) {
				lost.First = p.First
			}
			continue
		}
		for line := range bytes.Lines(p.Lines) {
			d.lines = append(d.lines, string(line))
		}
	}
	if lost.Parts > 0 {
		return nil, lost
	}
	return nil, nil
}

// halfLedger does not know the outcome of claims from position unknown on.
type halfLedger struct {
	lake.Ledger
	unknown uint64 // 0: knows all
}

func (l *halfLedger) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	for i, c := range claims {
		if n, _ := c.Position.Uint64(); l.unknown > 0 && n >= l.unknown {
			if err := l.Ledger.Claim(ctx, shard, claims[:i], out[:i]); err != nil {
				return err
			}
			return lake.ErrFull
		}
	}
	return l.Ledger.Claim(ctx, shard, claims, out)
}

type receiptBook map[string]lake.Receipt

func (b receiptBook) Record(_ context.Context, r lake.Receipt) error {
	b[fmt.Sprint(r.Shard, ":", r.First, "-", r.To)] = r
	return nil
}

func (b receiptBook) sum() (t lake.Tally) {
	for _, r := range lake.Disjoint(slices.Collect(maps.Values(b))) {
		for _, book := range r.Books {
			t.Add(book)
		}
	}
	return t
}

// handing is a Handed over parts in memory.
type handing struct {
	*rig
	ledger   *halfLedger
	sink     *delivery
	receipts receiptBook
	handed   *ingest.Handed
}

func newHanding(t *testing.T) *handing {
	t.Helper()
	r := newRig()
	h := &handing{rig: r, ledger: &halfLedger{Ledger: r.ledger}, sink: &delivery{refuses: map[string]bool{}}, receipts: receiptBook{}}
	gz, err := raw.NewCompressor(r.store, 1)
	if err != nil {
		t.Fatal(err)
	}
	h.handed = ingest.NewHanded(func(shard lake.ShardID) *ingest.Core {
		return ingest.NewCore(shard, h.ledger, sources, r.names, h.sink, gz, raw.NewMemory(1<<20))
	}, h.receipts)
	return h
}

func (h *handing) settle(t *testing.T, records []lake.Record, want int, ok bool) lake.Receipt {
	t.Helper()
	n, receipt, err := h.handed.Settle(t.Context(), "shard-7", records)
	if n != want || (err == nil) != ok {
		t.Fatalf("%d settled, %v; want %d", n, err, want)
	}
	return receipt
}

func (h *handing) quarantined(t *testing.T) (n int) {
	t.Helper()
	for _, err := range h.store.List(t.Context(), "quarantine/") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func mixed() []lake.Record {
	return records(event("1", "a:x"), event("2", "b:x"), `{"broken`, event("1", "a:x"), event("3", "a:y"), `{}`, event("4", "b:x"))
}

func TestAHandedBatchIsSettledAndReceipted(t *testing.T) {
	h := newHanding(t)
	r := h.settle(t, mixed(), 7, true)
	if r.First != lake.Pos(1) || r.To != lake.Pos(7) || r.Events != 7 || r.Time != received {
		t.Errorf("%+v", r)
	}
	if sum := h.receipts.sum(); sum.Unique != 4 || sum.Duplicate != 1 || sum.Quarantined != 2 {
		t.Errorf("%+v", sum)
	}
	if len(h.sink.lines) != 4 || h.quarantined(t) != 1 {
		t.Errorf("%d lines, %d quarantine files", len(h.sink.lines), h.quarantined(t))
	}
}

func TestABatchThatComesAgainIsCountedOnce(t *testing.T) {
	h := newHanding(t)
	h.settle(t, mixed(), 7, true)
	h.settle(t, mixed()[:4], 4, true) // cut in two by its retry
	h.settle(t, mixed()[4:], 3, true)
	if sum := h.receipts.sum(); sum.Unique != 4 || sum.Duplicate != 1 || sum.Quarantined != 2 {
		t.Errorf("%+v", sum)
	}
}

func TestRecordsBeforeAnUnknownClaimAreSettled(t *testing.T) {
	h := newHanding(t)
	h.ledger.unknown = 4
	h.settle(t, mixed(), 3, false)
	if len(h.sink.lines) != 2 || h.quarantined(t) != 1 {
		t.Fatalf("%q, %d quarantine files", h.sink.lines, h.quarantined(t))
	}
	h.ledger.unknown = 0
	h.settle(t, mixed()[3:], 4, true)
	if sum := h.receipts.sum(); sum.Unique != 4 || sum.Duplicate != 1 || sum.Quarantined != 2 || len(h.sink.lines) != 4 {
		t.Errorf("%+v, %d lines", sum, len(h.sink.lines))
	}
}

func TestNothingIsSettledWhenTheFirstClaimIsUnknown(t *testing.T) {
	h := newHanding(t)
	h.ledger.unknown = 1
	h.settle(t, mixed(), 0, false)
	if len(h.sink.lines) != 0 || h.quarantined(t) != 0 || len(h.receipts) != 0 {
		t.Error("something was kept")
	}
}

func TestRecordsBeforeAnUndeliveredOneAreSettled(t *testing.T) {
	h := newHanding(t)
	h.sink.refuses["b"] = true
	h.settle(t, mixed(), 1, false) // the second record is the first of type b
	if sum := h.receipts.sum(); sum.Unique != 1 || sum.Total() != 1 {
		t.Errorf("%+v", sum)
	}
	h.sink.refuses["b"] = false
	h.settle(t, mixed()[1:], 6, true)
	if sum := h.receipts.sum(); sum.Unique != 4 || sum.Duplicate != 1 || sum.Quarantined != 2 {
		t.Errorf("%+v", sum)
	}
	slices.Sort(h.sink.lines)
	if n := len(slices.Compact(h.sink.lines)); n != 4 {
		t.Errorf("%d different lines were delivered, want 4", n)
	}
}

func TestNothingIsSettledWithoutItsReceipt(t *testing.T) {
	h := newHanding(t)
	h.handed = ingest.NewHanded(func(shard lake.ShardID) *ingest.Core { return h.core(t, shard) }, failingReceipts{})
	h.settle(t, mixed(), 0, false)
}

type failingReceipts struct{}

func (failingReceipts) Record(context.Context, lake.Receipt) error { return lake.ErrFull }

func TestEventsOfOneStreamRecordAreSettledTogether(t *testing.T) {
	h := newHanding(t)
	batch := mixed()
	for i := range batch { // records of three, three and one
		batch[i].Position = lake.Position{Seq: [3]uint64{2: uint64(10 + i/3)}, Sub: uint32(i % 3)}
	}
	h.ledger.unknown = 0
	h.sink.refuses["a"] = true // also the fifth event, in the second record
	h.settle(t, batch, 0, false)
	h.sink.refuses["a"] = false
	h.sink.refuses["b"] = true // the second event and the last
	h.settle(t, batch[3:], 3, false)
	if sum := h.receipts.sum(); sum.Total() != 3 {
		t.Errorf("%+v", sum)
	}
}
