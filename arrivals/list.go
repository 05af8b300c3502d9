package arrivals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/eventlake/lake"
)

// maxListed bounds the objects that are listed in one go: a thousand requests. Called
// every hour it comes round 72 million objects within the Window.
const maxListed = 1_000_000

// afterLister is a store that lists from a key on without what lies before it.
type afterLister interface {
	ListAfter(ctx context.Context, prefix, after lake.Key) iter.Seq2[lake.Info, error]
}

// listOn lists the objects of the roots, which are in the order of their keys,
// from where the last listing with the cursor has ended ("": from the beginning,
// and nothing is noted), and gives each to each.
// It ends when the context does or it has listed a million objects; finished
// reports that it came to the end, and the next one begins anew.
func listOn(ctx context.Context, store lake.Store, cursor lake.Key, roots []lake.Key, each func(lake.Info)) (finished bool, err error) {
	begin, err := readCursor(ctx, store, cursor)
	if err != nil {
		return false, err
	}
	last, listed := begin, 0
	for _, root := range roots {
		if last > root && !strings.HasPrefix(string(last), string(root)) {
			continue
		}
		for info, err := range after(ctx, store, root, last) {
			if ctx.Err() != nil || listed == maxListed {
				return false, writeCursor(context.WithoutCancel(ctx), store, cursor, begin, last)
			}
			if err != nil {
				return false, fmt.Errorf("list %s: %w", root, err)
			}
			last = info.Key
			listed++
			each(info)
		}
	}
	return true, writeCursor(ctx, store, cursor, begin, "")
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

// cursor says where a listing goes on; without one, at the beginning.
type cursor struct {
	After lake.Key `json:"after"`
}

func readCursor(ctx context.Context, store lake.Store, key lake.Key) (_ lake.Key, err error) {
	if key == "" {
		return "", nil
	}
	object, err := store.Open(ctx, key)
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
func writeCursor(ctx context.Context, store lake.Store, key, old, next lake.Key) error {
	if key == "" || old == next {
		return nil
	}
	err := store.Delete(ctx, key)
	if err == nil && next != "" {
		_, err = store.Create(ctx, key, func(w io.Writer) error { return json.NewEncoder(w).Encode(cursor{next}) })
	}
	if err != nil && !errors.Is(err, lake.ErrExists) {
		return fmt.Errorf("keep where to go on: %w", err)
	}
	return nil
}
