package arrivals

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Leftovers are raw files that workers wrote and never committed, as they were
// killed, cut off or failed in between. Their records were taken in by another
// commit.
//
// That is proved, not guessed by age. Every commit of a shard begins where the
// one before has ended. So when a commit that begins where a file's span does is
// in the ledger, it took the file's records in, and none that names the file can
// follow; if it had named the file itself, the ledger would still do so, as it
// names files for a day after they came into their tables (Rested). Files whose
// commit left no file behind, as all its records were duplicates, cannot be
// told, nor can those that are older; they stay. So does everything that a
// delivery service or a Lambda wrote: no commit begins where such an object does.
type Leftovers struct {
	named  *keySet
	begins map[begin]bool
	now    lake.Instant
}

// begin is where a commit of a shard begins.
type begin struct {
	shard lake.ShardID
	after lake.Position
}

// How old an object is that can be told to be a leftover.
const (
	// youngest is far more than a rebuild or a replay takes that has listed it, and
	// than a worker takes to commit.
	youngest = 3 * time.Hour
	// oldest leaves an hour for what the clocks of S3 and of a Lambda differ.
	oldest = rest - time.Hour
)

// NewLeftovers returns the Leftovers by a journal, which may be read before or
// after objects are listed.
func NewLeftovers(j lake.Journal, now lake.Instant) *Leftovers {
	l := &Leftovers{newKeySet(), map[begin]bool{}, now}
	for f := range j.Files("") {
		l.named.add(f.Key)
		if f.Shard != Shard {
			l.begins[begin{f.Shard, f.Span.After}] = true
		}
	}
	l.named.sort()
	return l
}

// Has reports whether the object is a leftover, of whatever youth.
func (l *Leftovers) Has(o lake.Info) bool {
	f, ok := written(o.Key)
	return ok && l.begins[begin{f.Shard, f.Span.After}] && l.now.Sub(o.Time) <= oldest && !l.named.has(o.Key)
}

// written reads the key of a raw file as a worker names them.
func written(key lake.Key) (raw.Named, bool) {
	f, err := raw.ParseKey(key)
	return f, err == nil && f.Kind == lake.KindRaw && strings.HasPrefix(f.Prefix, "part")
}

// Swept is what a Sweep did.
type Swept struct {
	Keys     []lake.Key `json:"keys,omitempty"` // the first hundred
	Objects  int        `json:"objects"`        // leftovers that were found, and deleted unless it was a dry run
	Bytes    int64      `json:"bytes"`
	Finished bool       `json:"finished"` // false: the rest of raw is for the next Sweep
}

// maxSwept bounds the keys of a Swept.
const maxSwept = 100

// sweepKey holds where the next Sweep goes on.
const sweepKey lake.Key = "ledger/sweep/after.json"

// Sweep deletes the leftovers among the raw objects that were written three to
// 23 hours before now. It lists as Find does, for half of the context's time at
// most, and the next call goes on from there. A dry run lists from the beginning
// and deletes nothing. After an error what was deleted is in Swept.
func Sweep(ctx context.Context, ledger lake.Ledger, store lake.Store, now lake.Instant, dry bool) (s Swept, err error) {
	listing, cancel := context.WithCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		listing, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	defer cancel()
	cursor := sweepKey
	if dry {
		cursor = ""
	}
	journal, err := ledger.Journal(ctx)
	if err != nil {
		return s, err
	}
	leftovers := NewLeftovers(journal, now)
	var found []lake.Info
	s.Finished, err = listOn(listing, store, cursor, []lake.Key{raw.Root}, func(o lake.Info) {
		if now.Sub(o.Time) >= youngest && leftovers.Has(o) {
			found = append(found, o)
		}
	})
	if err != nil {
		return s, err
	}
	for _, o := range found {
		if !dry {
			if err := store.Delete(ctx, o.Key); err != nil {
				return s, fmt.Errorf("delete what was never committed: %w", err)
			}
		}
		s.Objects, s.Bytes = s.Objects+1, s.Bytes+o.Bytes
		if len(s.Keys) < maxSwept {
			s.Keys = append(s.Keys, o.Key)
		}
	}
	return s, nil
}
