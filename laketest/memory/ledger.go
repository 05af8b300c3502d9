// Package memory holds adapters of the ports in memory: for tests of the stages,
// and as the simplest reading of each contract.
package memory

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// Ledger is a lake.Ledger and lake.Backlog in memory. Crash makes it forget
// what no commit covered, so that it can stand in for a durable one in tests.
type Ledger struct {
	mu        sync.Mutex
	ttl       lake.Instant // in microseconds
	claims    map[lake.ID]owner
	positions map[lake.ShardID]lake.Position
	files     []lake.File // live, in commit order
	books     map[lake.Book]lake.Tally
	names     []lake.Name
	curated   map[lake.ShardID]lake.Position
}

var (
	_ lake.Ledger  = (*Ledger)(nil)
	_ lake.Backlog = (*Ledger)(nil)
)

type owner struct {
	shard       lake.ShardID
	position    lake.Position
	fingerprint uint32
	time        lake.Instant
	heirOf      *owner // the committed owner whose claim had expired
}

// NewLedger makes an empty ledger whose claims expire ttl after the owner's
// log time.
func NewLedger(ttl time.Duration) *Ledger {
	return &Ledger{
		ttl:       lake.Instant(0).Add(ttl),
		claims:    map[lake.ID]owner{},
		positions: map[lake.ShardID]lake.Position{},
		books:     map[lake.Book]lake.Tally{},
		curated:   map[lake.ShardID]lake.Position{},
	}
}

// Crash forgets every claim that no commit made durable.
func (l *Ledger) Crash() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, o := range l.claims {
		switch {
		case l.durable(&o):
		case o.heirOf != nil:
			l.claims[id] = *o.heirOf
		default:
			delete(l.claims, id)
		}
	}
}

func (l *Ledger) durable(o *owner) bool { return !o.position.After(l.positions[o.shard]) }

// Claim implements lake.Ledger. A claim from behind the shard's position that
// nobody owns is answered Owned and not recorded: what became of its record is
// decided already.
func (l *Ledger) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(out) != len(claims) {
		return fmt.Errorf("claim: %d claims and room for %d answers: %w", len(claims), len(out), lake.ErrInvalid)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range claims {
		if c.Position.IsZero() {
			return fmt.Errorf("claim %s at position 0: %w", c.ID, lake.ErrInvalid)
		}
	}
	for i, c := range claims {
		o, ok := l.claims[c.ID]
		switch {
		case ok && o.shard == shard && o.position == c.Position:
			out[i] = lake.Owned
		case ok && o.time+l.ttl >= c.Time && o.fingerprint == c.Fingerprint:
			out[i] = lake.Taken
		case ok && o.time+l.ttl >= c.Time:
			out[i] = lake.Conflict
		default:
			out[i] = lake.Owned
			if !c.Position.After(l.positions[shard]) {
				continue
			}
			heirOf := o.heirOf
			if ok && l.durable(&o) {
				o.heirOf = nil
				heirOf = &o
			}
			l.claims[c.ID] = owner{shard, c.Position, c.Fingerprint, c.Time, heirOf}
		}
	}
	return nil
}

// Position implements lake.Ledger.
func (l *Ledger) Position(ctx context.Context, shard lake.ShardID) (lake.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.positions[shard], ctx.Err()
}

// Commit implements lake.Ledger.
func (l *Ledger) Commit(ctx context.Context, c lake.Commit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.check(c); err != nil {
		return fmt.Errorf("commit %s %s: %w", c.Shard, c.Span, err)
	}
	if len(c.Remove) > 0 {
		gone := make(map[lake.Key]bool, len(c.Remove))
		for _, f := range c.Remove {
			gone[f.Key] = true
		}
		l.files = slices.DeleteFunc(slices.Clone(l.files), func(f lake.File) bool { return gone[f.Key] })
	}
	l.files = append(l.files, c.Add...)
	for _, t := range c.Books {
		sum := l.books[t.Book]
		sum.Book = t.Book
		sum.Add(t)
		l.books[t.Book] = sum
	}
	for _, n := range c.Types {
		if !slices.Contains(l.names, n) {
			l.names = append(l.names, n)
		}
	}
	if !c.Span.Empty() {
		l.positions[c.Shard] = c.Span.To
	}
	return nil
}

func (l *Ledger) check(c lake.Commit) error {
	if !c.Span.Empty() {
		if !c.Span.To.After(c.Span.After) || c.Shard == "" {
			return lake.ErrInvalid
		}
		if at := l.positions[c.Shard]; at != c.Span.After {
			return fmt.Errorf("the shard is at %s: %w", at, lake.ErrStale)
		}
	}
	live := make(map[lake.Key]bool, len(l.files))
	for _, f := range l.files {
		live[f.Key] = true
	}
	for _, f := range c.Remove {
		if !live[f.Key] {
			return fmt.Errorf("file %s is not live: %w", f.Key, lake.ErrStale)
		}
		delete(live, f.Key)
	}
	for _, f := range c.Add {
		if live[f.Key] {
			return fmt.Errorf("file %s is live already: %w", f.Key, lake.ErrInvalid)
		}
		live[f.Key] = true
	}
	return nil
}

// Journal implements lake.Ledger.
func (l *Ledger) Journal(ctx context.Context) (lake.Journal, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return journal{
		positions: maps.Clone(l.positions),
		files:     slices.Clone(l.files),
		books:     maps.Clone(l.books),
		names:     slices.Clone(l.names),
	}, ctx.Err()
}

// Pending implements lake.Backlog.
func (l *Ledger) Pending(ctx context.Context) ([]lake.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []lake.File
	for _, f := range l.files {
		if f.Kind != lake.KindRaw || !f.Span.To.After(l.curated[f.Shard]) {
			continue
		}
		// A merged file is committed after its neighbours: keep each shard's
		// files in the order of their spans.
		i := slices.IndexFunc(out, func(g lake.File) bool {
			return g.Shard == f.Shard && g.Span.After.After(f.Span.After)
		})
		if i < 0 {
			i = len(out)
		}
		out = slices.Insert(out, i, f)
	}
	return out, ctx.Err()
}

// Curated implements lake.Backlog.
func (l *Ledger) Curated(ctx context.Context) (map[lake.ShardID]lake.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.curated), ctx.Err()
}

// MarkCurated implements lake.Backlog.
func (l *Ledger) MarkCurated(ctx context.Context, mark map[lake.ShardID]lake.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, p := range mark {
		if p.After(l.curated[s]) {
			l.curated[s] = p
		}
	}
	return nil
}

type journal struct {
	positions map[lake.ShardID]lake.Position
	files     []lake.File
	books     map[lake.Book]lake.Tally
	names     []lake.Name
}

func (j journal) Positions() map[lake.ShardID]lake.Position { return maps.Clone(j.positions) }

func (j journal) Files(kind lake.Kind) iter.Seq[lake.File] {
	return func(yield func(lake.File) bool) {
		for _, f := range j.files {
			if (kind == "" || f.Kind == kind) && !yield(f) {
				return
			}
		}
	}
}

func (j journal) Books() []lake.Tally { return slices.Collect(maps.Values(j.books)) }

func (j journal) Names() []lake.Name { return slices.Clone(j.names) }
