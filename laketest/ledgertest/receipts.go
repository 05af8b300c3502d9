package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
)

// Receipts is the contract of lake.Receipts, lake.ReceiptReader and
// lake.ReceiptFinder for a ledger that has them.
func Receipts(t *testing.T, a Adapter) {
	for _, c := range []struct {
		name string
		test func(*life)
	}{
		{"receipts come by shard and position", receiptOrder},
		{"receipts are found by where they begin", receiptFound},
		{"a repeat changes nothing", receiptRepeat},
		{"a shorter batch takes nothing from a longer one", receiptShorter},
		{"a longer batch takes nothing from a shorter one", receiptLonger},
		{"what batches cut in any way tell of is counted once", receiptCuts},
		{"receipts that name no batch are refused", receiptNone},
		{"an ended context stops receipts", receiptEnded},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(a.begin(t)) })
	}
}

type receipts interface {
	lake.Receipts
	lake.ReceiptReader
	lake.ReceiptFinder
}

// receipts of a ledger that has them.
func (f *life) receipts() receipts {
	f.t.Helper()
	r, ok := f.l.(receipts)
	if !ok {
		f.t.Fatalf("%T keeps no receipts", f.l)
	}
	return r
}

// receipt is one of the records (after..to], a second each.
func (f *life) receipt(shard lake.ShardID, after, to uint64) lake.Receipt {
	at := start.Add(time.Duration(to) * time.Second)
	return lake.Receipt{
		Shard: shard, First: f.at(after + 1), To: f.at(to), Events: int64(to - after), Time: at,
		Books: []lake.Tally{{Book: lake.Book{Source: "web", Type: "account", Hour: start.Hour()}, Unique: int64(to - after)}},
	}
}

func (f *life) record(shard lake.ShardID, after, to uint64) {
	f.t.Helper()
	if err := f.receipts().Record(f.t.Context(), f.receipt(shard, after, to)); err != nil {
		f.t.Fatalf("record: %v", err)
	}
}

// recorded reads what the next process finds of the seconds.
func (f *life) recorded(from, to int) (out []lake.Receipt) {
	f.t.Helper()
	f.restart()
	at := func(seconds int) lake.Instant { return start.Add(time.Duration(seconds) * time.Second) }
	for r, err := range f.receipts().Receipts(f.t.Context(), at(from), at(to)) {
		if err != nil {
			f.t.Fatalf("receipts: %v", err)
		}
		out = append(out, r)
	}
	return out
}

// holds checks that the receipts are those of the spans.
func (f *life) holds(got []lake.Receipt, want ...lake.Receipt) {
	f.t.Helper()
	if !slices.EqualFunc(got, want, func(a, b lake.Receipt) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		f.t.Fatalf("receipts %v, want %v", got, want)
	}
}

func receiptOrder(f *life) {
	for _, shard := range []lake.ShardID{shardB, shardA} {
		for _, after := range []uint64{6, 0, 3} {
			f.record(shard, after, after+3)
		}
	}
	f.holds(f.recorded(0, 10), f.receipt(shardA, 0, 3), f.receipt(shardA, 3, 6), f.receipt(shardA, 6, 9),
		f.receipt(shardB, 0, 3), f.receipt(shardB, 3, 6), f.receipt(shardB, 6, 9))
	f.holds(f.recorded(4, 9), f.receipt(shardA, 3, 6), f.receipt(shardB, 3, 6))
	f.holds(f.recorded(10, 20))
}

func receiptFound(f *life) {
	for _, shard := range []lake.ShardID{shardB, shardA} {
		for _, after := range []uint64{6, 0, 3} {
			f.record(shard, after, after+3)
		}
	}
	f.record(shardA, 3, 9)
	f.holds(f.found(shardA, 4, 7), f.receipt(shardA, 3, 6), f.receipt(shardA, 3, 9), f.receipt(shardA, 6, 9))
	f.holds(f.found(shardA, 2, 6), f.receipt(shardA, 3, 6), f.receipt(shardA, 3, 9))
	f.holds(f.found(shardB, 1, 1), f.receipt(shardB, 0, 3))
	f.holds(f.found(shardB, 8, 90))
}

// found are the receipts that the next process finds by the records from which
// they begin.
func (f *life) found(shard lake.ShardID, first, last uint64) (out []lake.Receipt) {
	f.t.Helper()
	f.restart()
	for r, err := range f.receipts().ReceiptsIn(f.t.Context(), shard, f.at(first), f.at(last)) {
		if err != nil {
			f.t.Fatalf("receipts: %v", err)
		}
		out = append(out, r)
	}
	return out
}

func receiptRepeat(f *life) {
	for range 3 {
		f.record(shardA, 0, 10)
	}
	f.holds(f.recorded(0, 20), f.receipt(shardA, 0, 10))
	f.record(shardA, 0, 10)
	f.holds(f.recorded(0, 20), f.receipt(shardA, 0, 10))
}

func receiptShorter(f *life) {
	f.record(shardA, 0, 10)
	f.record(shardA, 0, 4) // the first half of a retry; the second never comes
	got := f.recorded(0, 20)
	f.holds(got, f.receipt(shardA, 0, 4), f.receipt(shardA, 0, 10))
	f.holds(lake.Disjoint(got), f.receipt(shardA, 0, 10))
}

func receiptLonger(f *life) {
	f.record(shardA, 0, 4)
	f.record(shardA, 0, 10) // its answer was lost
	f.record(shardA, 4, 20)
	got := f.recorded(0, 30)
	f.holds(got, f.receipt(shardA, 0, 4), f.receipt(shardA, 0, 10), f.receipt(shardA, 4, 20))
	f.holds(lake.Disjoint(got), f.receipt(shardA, 0, 4), f.receipt(shardA, 4, 20))
}

// receiptCuts hands batches over as an event source does: from where the last
// accepted one has ended, of any length, in two when one failed, and again when
// an answer was lost.
func receiptCuts(f *life) {
	const records = 60
	for seed := range uint64(f.many(20, 2)) {
		f.t.Logf("seed %d", seed)
		shard, rng := lake.ShardID(fmt.Sprintf("shard-%d", 100+seed)), rand.New(rand.NewPCG(seed, 9))
		reached := uint64(0)
		for at := uint64(0); at < records; {
			to := min(records, at+1+rng.Uint64N(12))
			if rng.IntN(4) == 0 {
				to = at + (to-at+1)/2
			}
			f.record(shard, at, to)
			reached = max(reached, to)
			if rng.IntN(2) == 0 {
				at = to // accepted
			}
			if rng.IntN(4) == 0 || at == records {
				f.told(shard, int64(reached))
			}
		}
	}
}

// told checks that the shard's receipts tell of so many records, and of none
// twice.
func (f *life) told(shard lake.ShardID, want int64) {
	f.t.Helper()
	own := slices.DeleteFunc(f.recorded(0, 3600), func(r lake.Receipt) bool { return r.Shard != shard })
	var told int64
	var after lake.Position
	for _, r := range lake.Disjoint(own) {
		if !r.First.After(after) {
			f.t.Fatalf("a receipt from %s on tells again of what ended at %s", r.First, after)
		}
		told, after = told+r.Events, r.To
	}
	if told != want {
		f.t.Fatalf("the receipts tell of %d records of %d", told, want)
	}
}

func receiptNone(f *life) {
	for _, r := range []lake.Receipt{
		{First: f.at(1), To: f.at(1)}, {Shard: shardA, To: f.at(1)}, {Shard: shardA, First: f.at(2), To: f.at(1)},
	} {
		if err := f.receipts().Record(f.t.Context(), r); !errors.Is(err, lake.ErrInvalid) {
			f.t.Errorf("%v: %v", r, err)
		}
	}
}

func receiptEnded(f *life) {
	f.record(shardA, 0, 1)
	ctx, cancel := context.WithCancel(f.t.Context())
	cancel()
	if err := f.receipts().Record(ctx, f.receipt(shardA, 1, 2)); !errors.Is(err, context.Canceled) {
		f.t.Errorf("record: %v", err)
	}
	var last error
	for _, err := range f.receipts().Receipts(ctx, start, start.Add(time.Hour)) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		f.t.Errorf("receipts: %v", last)
	}
	for _, err := range f.receipts().ReceiptsIn(ctx, shardA, f.at(1), f.at(2)) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		f.t.Errorf("receipts by position: %v", last)
	}
	f.holds(f.recorded(0, 10), f.receipt(shardA, 0, 1))
}
