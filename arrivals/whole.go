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
// rebuild read by it. The store is listed once, which takes a request for every
// thousand objects: make a Whole for each piece of work that ends within a day.
// What comes into tables meanwhile is in the ledger, as nothing is forgotten
// before it has been in its table for so long (Rested). Leftovers are left out.
// It belongs to one goroutine.
type Whole struct {
	lake.Ledger
	Store lake.Store
	Clock lake.Clock // nil: the system's

	raws []lake.File // nil: not listed yet
}

// Journal returns the ledger's journal with the store's other raw objects in
// front, in the order of their keys. Their span is empty and lies before the
// first arrival: a table that has consumed anything has what was forgotten, and
// what comes to be registered later is compared by its ids. What has come since
// the store was listed is there when it is registered.
func (w *Whole) Journal(ctx context.Context) (lake.Journal, error) {
	journal, err := w.Ledger.Journal(ctx)
	if err == nil && w.raws == nil {
		w.raws, err = w.list(ctx, journal)
	}
	if err != nil {
		return nil, err
	}
	named := newKeySet()
	for f := range journal.Files("") {
		named.add(f.Key)
	}
	named.sort()
	return whole{journal, w.raws, named}, nil
}

func (w *Whole) list(ctx context.Context, journal lake.Journal) ([]lake.File, error) {
	aside, err := Asides(ctx, w.Store)
	if err != nil {
		return nil, err
	}
	clock := w.Clock
	if clock == nil {
		clock = lake.SystemClock
	}
	leftovers := NewLeftovers(journal, clock())
	raws := []lake.File{}
	for info, err := range w.Store.List(ctx, raw.Root) {
		if err != nil {
			return nil, fmt.Errorf("list raw objects: %w", err)
		}
		if a, ok := aside[info.Key]; ok && info.Time <= a.Time || leftovers.Has(info) {
			continue
		}
		if f, ok := file(info); ok && f.Kind == lake.KindRaw {
			raws = append(raws, f)
		}
	}
	return raws, nil
}

type whole struct {
	lake.Journal
	raws  []lake.File
	named *keySet
}

func (w whole) Files(kind lake.Kind) iter.Seq[lake.File] {
	return func(yield func(lake.File) bool) {
		for _, f := range w.raws {
			if !w.named.has(f.Key) && (kind == "" || kind == f.Kind) && !yield(f) {
				return
			}
		}
		w.Journal.Files(kind)(yield)
	}
}
