package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/eventlake/lake"
)

// NewSharedNames returns a set that processes share which know nothing of each
// other. What one of them is to admit is in the list before any event is put
// there, so a name gets the same answer from all: it is admitted by them all, or
// came when the caps, or the list, were full, and stays out while the caps stay
// as they are.
func NewSharedNames(caps Caps, list lake.NameList) *Names {
	n := NewNames(caps, nil)
	n.list = list
	return n
}

// mostBytes is more than any path-safe name takes of the list.
const mostBytes = 256

// settled reports whether every other process has the same answer.
func (n *Names) settled(name lake.Name) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, fresh := n.place(name)
	return !fresh
}

// Resolve returns the name to use for partitions, the same in every process
// that shares the set. For the first of several new names the list is asked for
// all of them; soon has those that are to come, and may be nil. After an error,
// which is the list's, asking again tells.
func (n *Names) Resolve(ctx context.Context, name lake.Name, soon iter.Seq[lake.Name]) (lake.Name, error) {
	if n.list != nil && !n.settled(name) {
		wanted := []lake.Name{name}
		if soon != nil {
			wanted = slices.AppendSeq(wanted, soon)
		}
		if err := n.ask(ctx, wanted); err != nil {
			return name, fmt.Errorf("names that processes share: %w", err)
		}
	}
	return n.Admit(name), nil
}

// askTries is how often names are put on the list when others do the same.
const askTries = 20

// ask puts those of the wanted names that have a place on the list, and learns
// what others have put there.
func (n *Names) ask(ctx context.Context, wanted []lake.Name) error {
	n.asking.Lock()
	defer n.asking.Unlock()
	for try := 1; ; try++ {
		known, err := n.list.Names(ctx)
		if err != nil {
			return err
		}
		next, all := NewNames(n.caps, known), known
		next.list = n.list
		for _, name := range wanted {
			if _, fresh := next.place(name); fresh {
				next.add(name)
				next.durable[name] = true
				next.room -= name.Bytes()
				all = append(all, name)
			}
		}
		if len(all) > len(known) {
			err = n.list.SetNames(ctx, len(known), all)
		}
		if errors.Is(err, lake.ErrStale) && try < askTries {
			continue
		}
		if err == nil {
			n.mu.Lock()
			n.types, n.durable, n.room = next.types, next.durable, next.room
			n.mu.Unlock()
		}
		return err
	}
}
