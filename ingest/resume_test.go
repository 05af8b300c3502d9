package ingest_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/memory"
)

// TestOnlyWhatReceiptsProveIsSettled: records are 10 to 19, in stream records of
// their own.
func TestOnlyWhatReceiptsProveIsSettled(t *testing.T) {
	var records []lake.Record
	for n := range uint64(10) {
		records = append(records, lake.Record{Position: lake.Pos(10 + n)})
	}
	type receipt struct {
		first, to uint64
		events    int64
	}
	for _, test := range []struct {
		name     string
		receipts []receipt
		want     int
	}{
		{"nothing", nil, 0},
		{"the first part", []receipt{{10, 13, 4}}, 4},
		{"parts that join on", []receipt{{10, 13, 4}, {14, 16, 3}, {17, 19, 3}}, 10},
		{"the longest of one beginning", []receipt{{10, 11, 2}, {10, 14, 5}, {10, 12, 3}}, 5},
		{"one that begins inside another", []receipt{{10, 14, 5}, {12, 17, 6}}, 8},
		{"a hole", []receipt{{10, 11, 2}, {13, 19, 7}}, 2},
		{"not from the first on", []receipt{{11, 19, 9}}, 0},
		{"one that ends behind the batch", []receipt{{10, 25, 16}}, 0},
		{"one that begins in front of the batch", []receipt{{5, 19, 15}}, 0},
		{"one that tells of fewer", []receipt{{10, 14, 4}}, 0},
		{"one that tells of more", []receipt{{10, 14, 6}, {10, 12, 3}}, 3},
		{"all", []receipt{{10, 19, 10}}, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			kept := memory.NewReceipts()
			for _, r := range test.receipts {
				for _, shard := range []lake.ShardID{"a", "b"} {
					if shard == "b" {
						r.to, r.events = 19, 10 // of another shard
					}
					if err := kept.Record(t.Context(), lake.Receipt{Shard: shard, First: lake.Pos(r.first), To: lake.Pos(r.to), Events: r.events}); err != nil {
						t.Fatal(err)
					}
				}
			}
			got, err := ingest.Resume(t.Context(), kept, "a", records)
			if err != nil || got != test.want {
				t.Errorf("%d are settled, want %d: %v", got, test.want, err)
			}
		})
	}
}

func TestPartsOfAStreamRecordAreRecordsToResume(t *testing.T) {
	var records []lake.Record
	for sub := range uint32(4) {
		records = append(records, lake.Record{Position: lake.Position{Seq: lake.Pos(7).Seq, Sub: sub}})
	}
	kept := memory.NewReceipts()
	if err := kept.Record(t.Context(), lake.Receipt{Shard: "a", First: records[0].Position, To: records[1].Position, Events: 2}); err != nil {
		t.Fatal(err)
	}
	if got, err := ingest.Resume(t.Context(), kept, "a", records); got != 2 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

type unreadable struct{ err error }

func (u unreadable) ReceiptsIn(context.Context, lake.ShardID, lake.Position, lake.Position) iter.Seq2[lake.Receipt, error] {
	return func(yield func(lake.Receipt, error) bool) { yield(lake.Receipt{}, u.err) }
}

func TestReceiptsThatCannotBeReadProveNothing(t *testing.T) {
	no, records := errors.New("no answer"), []lake.Record{{Position: lake.Pos(1)}}
	if got, err := ingest.Resume(t.Context(), unreadable{no}, "a", records); got != 0 || !errors.Is(err, no) {
		t.Errorf("%d, %v", got, err)
	}
	if got, err := ingest.Resume(t.Context(), nil, "a", records); got != 0 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if got, err := ingest.Resume(t.Context(), memory.NewReceipts(), "a", nil); got != 0 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}
