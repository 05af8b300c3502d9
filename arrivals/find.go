package arrivals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Window is how far back objects are looked for, and how long the ledger names
// them after they are in their tables. A notification that comes later finds
// its object again only after curate has it, and is then read for nothing.
const Window = 3 * 24 * time.Hour

// maxListed bounds the objects that one Find lists: a thousand requests. Called
// every hour it comes round 72 million objects within the Window.
const maxListed = 1_000_000

// afterLister is a store that lists from a key on without what lies before it.
type afterLister interface {
	ListAfter(ctx context.Context, prefix, after lake.Key) iter.Seq2[lake.Info, error]
}

// Find lists raw and quarantine objects that were written in the Window before
// now, for those whose notification was lost. What is set aside and has not
// been written since is left out. It ends when the context does or it has
// listed a million objects, and the next one goes on from there, whatever
// process makes it, round and round; finished reports that it came to the end.
func Find(ctx context.Context, store lake.Store, now lake.Instant) (found []lake.Info, finished bool, err error) {
	aside, err := Asides(ctx, store)
	if err != nil {
		return nil, false, err
	}
	begin, err := readCursor(ctx, store)
	if err != nil {
		return nil, false, err
	}
	last, listed := begin, 0
	for _, root := range []lake.Key{"quarantine/", raw.Root} { // in the order of their keys
		if last > root && !strings.HasPrefix(string(last), string(root)) {
			continue
		}
		for info, err := range after(ctx, store, root, last) {
			if ctx.Err() != nil || listed == maxListed {
				return found, false, writeCursor(context.WithoutCancel(ctx), store, begin, last)
			}
			if err != nil {
				return nil, false, fmt.Errorf("list %s: %w", root, err)
			}
			last = info.Key
			listed++
			if a, ok := aside[info.Key]; ok && info.Time <= a.Time {
				continue
			}
			if now.Sub(info.Time) <= Window {
				found = append(found, info)
			}
		}
	}
	return found, true, writeCursor(ctx, store, begin, "")
}

// after lists the objects behind a key.
func after(ctx context.Context, store lake.Store, prefix, last lake.Key) iter.Seq2[lake.Info, error] {
	if !strings.HasPrefix(string(last), string(prefix)) {
		return store.List(ctx, prefix)
	}
	if s, ok := store.(afterLister); ok {
		return s.ListAfter(ctx, prefix, last)
	}
	return func(yield func(lake.Info, error) bool) {
		for info, err := range store.List(ctx, prefix) {
			if err == nil && info.Key <= last {
				continue
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// cursorKey holds where the next Find goes on; without it, at the beginning.
const cursorKey lake.Key = "ledger/find/after.json"

type cursor struct {
	After lake.Key `json:"after"`
}

func readCursor(ctx context.Context, store lake.Store) (_ lake.Key, err error) {
	object, err := store.Open(ctx, cursorKey)
	if errors.Is(err, lake.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("where to go on: %w", err)
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	var c cursor
	if err := json.NewDecoder(object).Decode(&c); err != nil {
		return "", nil //nolint:nilerr // what cannot be read costs a round, no object
	}
	return c.After, nil
}

// writeCursor replaces the cursor. A crash in between, or another process that
// does the same, costs a part of a round.
func writeCursor(ctx context.Context, store lake.Store, old, next lake.Key) error {
	if old == next {
		return nil
	}
	err := store.Delete(ctx, cursorKey)
	if err == nil && next != "" {
		_, err = store.Create(ctx, cursorKey, func(w io.Writer) error { return json.NewEncoder(w).Encode(cursor{next}) })
	}
	if err != nil && !errors.Is(err, lake.ErrExists) {
		return fmt.Errorf("keep where to go on: %w", err)
	}
	return nil
}
