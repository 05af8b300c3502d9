package arrivals

import (
	"context"
	"fmt"
	"iter"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Whole is a ledger whose journal also has the raw objects that were forgotten
// or are not registered yet: everything that lies in the store. Replay and
// rebuild read by it. Listing takes a request for every thousand objects.
type Whole struct {
	lake.Ledger
	Store lake.Store
}

// Journal returns the ledger's journal with the store's other raw objects in
// front, in the order of their keys. Their span is empty and lies before the
// first arrival: a table that has consumed anything has what was forgotten, and
// what comes to be registered later is compared by its ids.
func (w Whole) Journal(ctx context.Context) (lake.Journal, error) {
	journal, err := w.Ledger.Journal(ctx)
	if err != nil {
		return nil, err
	}
	known := map[lake.Key]bool{}
	for f := range journal.Files("") {
		known[f.Key] = true
	}
	var others []lake.File
	for info, err := range w.Store.List(ctx, raw.Root) {
		if err != nil {
			return nil, fmt.Errorf("list raw objects: %w", err)
		}
		kind, partition, err := raw.ParseDir(info.Key)
		if err != nil || kind != lake.KindRaw || known[info.Key] || info.Bytes == 0 {
			continue
		}
		others = append(others, file(info, kind, partition))
	}
	return whole{journal, others}, nil
}

type whole struct {
	lake.Journal
	others []lake.File
}

func (w whole) Files(kind lake.Kind) iter.Seq[lake.File] {
	return func(yield func(lake.File) bool) {
		for _, f := range w.others {
			if (kind == "" || kind == f.Kind) && !yield(f) {
				return
			}
		}
		w.Journal.Files(kind)(yield)
	}
}
