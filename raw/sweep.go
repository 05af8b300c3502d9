package raw

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// Sweeper deletes objects under raw/ and quarantine/ that no commit names: the
// leftovers of tries that a crash ended, and files that were merged.
type Sweeper struct {
	ledger lake.Ledger
	store  lake.Store
	grace  time.Duration
	clock  lake.Clock
	unused map[lake.Key]lake.Instant // when it was first found unused
}

// NewSweeper returns a sweeper. An object goes once it was found unused and
// again so at least grace later: whoever began to read it has finished.
func NewSweeper(ledger lake.Ledger, store lake.Store, grace time.Duration, clock lake.Clock) *Sweeper {
	return &Sweeper{ledger, store, grace, clock, map[lake.Key]lake.Instant{}}
}

// Sweep looks once and returns the number of objects deleted. Objects of a
// span that is not committed yet are left alone: they may become data.
func (s *Sweeper) Sweep(ctx context.Context, roots ...lake.Key) (deleted int, err error) {
	found := map[lake.Key]lake.Instant{}
	var candidates []lake.Key
	for _, root := range roots {
		for info, err := range s.store.List(ctx, root) {
			if err != nil {
				return 0, fmt.Errorf("sweep %s: %w", root, err)
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
	live := map[lake.Key]bool{}
	for f := range journal.Files("") {
		live[f.Key] = true
	}
	positions, now := journal.Positions(), s.clock()
	for _, key := range candidates {
		shard, to, ok := spanOf(key)
		if live[key] || !ok || to.After(positions[shard]) {
			continue
		}
		since, known := s.unused[key]
		if !known {
			since = now
		}
		if now.Sub(since) < s.grace {
			found[key] = since
			continue
		}
		if err := s.store.Delete(ctx, key); err != nil {
			return deleted, fmt.Errorf("sweep %s: %w", key, err)
		}
		deleted++
	}
	s.unused = found
	return deleted, nil
}

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
