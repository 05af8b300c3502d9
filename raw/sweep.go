package raw

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// Sweeper deletes objects under raw/ and quarantine/ that no commit names: the
// leftovers of tries that a crash ended, and files that were merged.
type Sweeper struct {
	ledger lake.Ledger
	store  lake.Store
	clock  lake.Clock
	unused map[lake.Key]lake.Instant // when it was first found unused
}

// NewSweeper returns a sweeper.
func NewSweeper(ledger lake.Ledger, store lake.Store, clock lake.Clock) *Sweeper {
	return &Sweeper{ledger, store, clock, map[lake.Key]lake.Instant{}}
}

// Sweep looks once and returns the number of objects deleted. An object goes
// once it was found unused and again so at least grace later: whoever began to
// read it has finished. Objects of a span that is not committed yet may become
// data, so they are left alone while events are taken in; then ended is nil.
// While nothing is, they are what a killed process left, and ended says which
// shards give the records up to that position again: their objects go at once.
func (s *Sweeper) Sweep(ctx context.Context, grace time.Duration, ended Again, roots ...lake.Key) (deleted int, err error) {
	found := map[lake.Key]lake.Instant{}
	var candidates []lake.Key
	for _, root := range roots {
		for info, err := range s.store.List(ctx, root) {
			if err != nil {
				return 0, fmt.Errorf("sweep: %w", err)
			}
			candidates = append(candidates, info.Key)
		}
	}
	// The journal is read after the listing: what was committed in between is
	// then known as live.
	journal, err := s.ledger.Journal(ctx)
	if err != nil {
		return 0, err
	}
	live := map[string]bool{} // lower-cased
	for f := range journal.Files("") {
		live[folded(f.Key)] = true
	}
	positions, now := journal.Positions(), s.clock()
	for _, key := range candidates {
		shard, to, ok := spanOf(key)
		if live[folded(key)] || !ok {
			continue
		}
		if at := positions[shard]; to.After(at) {
			if ended == nil || !ended(shard, at, to) {
				continue
			}
		} else {
			since, known := s.unused[key]
			if !known {
				since = now
			}
			if now.Sub(since) < grace {
				found[key] = since
				continue
			}
		}
		if err := s.store.Delete(ctx, key); err != nil {
			return deleted, fmt.Errorf("sweep: %w", err)
		}
		deleted++
	}
	s.unused = found
	return deleted, nil
}

// Again reports whether a shard gives the records behind the committed position
// up to another one again.
type Again func(shard lake.ShardID, committed, to lake.Position) bool

// InStream is Again for a stream with these shards.
func InStream(shards []lake.Shard) Again {
	return func(shard lake.ShardID, committed, to lake.Position) bool {
		return slices.ContainsFunc(shards, func(s lake.Shard) bool {
			return s.ID == shard && !s.Trimmed.After(committed) && !to.After(s.Last)
		})
	}
}

// folded is what a key has in common with those that a file system may list it
// as: one that does not tell case apart has one directory for the types Order
// and order, under the name that came first. Where case is told apart, a
// leftover stays if its key differs from a live one only there; that is rare.
func folded(key lake.Key) string { return strings.ToLower(string(key)) }

// spanOf reads shard and end of the span from a key that SpanName made.
func spanOf(key lake.Key) (shard lake.ShardID, to lake.Position, ok bool) {
	base := string(key[strings.LastIndexByte(string(key), '/')+1:])
	base, ok = strings.CutSuffix(base, ".ndjson.gz")
	parts := strings.Split(base, "-")
	if !ok || len(parts) < 4 {
		return "", to, false
	}
	to, err := lake.ParsePosition(parts[len(parts)-1])
	return lake.ShardID(strings.Join(parts[1:len(parts)-2], "-")), to, err == nil
}
