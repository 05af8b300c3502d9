package dynamodb

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
)

// journal is the states of all shards at one moment, by name.
type journal struct {
	shards []shardState
	wants  wants
	keep   func(*lake.File) bool // nil: every file
}

type shardState struct {
	id lake.ShardID
	*state
}

// wants says which parts a journal has the files of.
type wants func(lake.ShardID, *part) bool

// Journal implements lake.Ledger. The first one reads what is live, further
// ones what was committed since.
func (l *Ledger) Journal(ctx context.Context) (lake.Journal, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j, err := l.view(ctx, func(lake.ShardID, *part) bool { return true })
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return j, nil
}

// Between implements lake.Excerpts. It reads the parts of the ledger that have
// such files.
func (l *Ledger) Between(ctx context.Context, from, to lake.Instant) (lake.Journal, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j, err := l.view(ctx, func(_ lake.ShardID, p *part) bool { return p.until >= from && p.from <= to })
	if err != nil {
		return nil, fmt.Errorf("journal of %s to %s: %w", from, to, err)
	}
	j.keep = func(f *lake.File) bool { return f.Received >= from && f.Received <= to }
	return j, nil
}

// view reads the heads of all shards, brings each state up to its head, and reads
// the parts that are wanted.
func (l *Ledger) view(ctx context.Context, w wants) (*journal, error) {
	j := &journal{wants: w}
	var heads []head
	for i, err := range l.query(ctx, scope{pk: headPartition}) {
		if err != nil {
			return nil, err
		}
		h, err := readHead(i)
		if err != nil {
			return nil, err
		}
		f := fields{item: i}
		j.shards, heads = append(j.shards, shardState{id: lake.ShardID(f.text("sk"))}), append(heads, h)
	}
	const atOnce = 8
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for n := range j.shards {
		group.Go(func() error {
			s := &j.shards[n]
			sh, release, err := l.locked(ctx, s.id)
			if err != nil {
				return err
			}
			defer release()
			err = l.load(ctx, sh, heads[n], func(p *part) bool { return w(s.id, p) })
			s.state = sh.state
			return err
		})
	}
	return j, group.Wait()
}

// Positions implements lake.Journal.
func (j *journal) Positions() map[lake.ShardID]lake.Position {
	out := make(map[lake.ShardID]lake.Position, len(j.shards))
	for _, s := range j.shards {
		if !s.position.IsZero() {
			out[s.id] = s.position
		}
	}
	return out
}

// Files implements lake.Journal.
func (j *journal) Files(kind lake.Kind) iter.Seq[lake.File] {
	return func(yield func(lake.File) bool) {
		for f := range j.all() {
			if (kind == "" || f.Kind == kind) && !yield(*f) {
				return
			}
		}
	}
}

// all yields the live files of all shards by the time of their commit. A file is
// the caller's until it asks for the next one.
func (j *journal) all() iter.Seq[*lake.File] {
	return func(yield func(*lake.File) bool) {
		var c cursors
		for _, s := range j.shards {
			at := &cursor{shard: s.id, parts: s.parts, tail: s.tail, wants: j.wants}
			if at.next() {
				c = append(c, at)
			}
		}
		heap.Init(&c)
		for len(c) > 0 {
			if f := &c[0].file; (j.keep == nil || j.keep(f)) && !yield(f) {
				return
			}
			if c[0].next() {
				heap.Fix(&c, 0)
			} else {
				heap.Pop(&c)
			}
		}
	}
}

// Books implements lake.Journal: the books of hours that Options.KeepBooks
// covers, by hour, source and type.
func (j *journal) Books() []lake.Tally {
	sums := map[lake.Book]lake.Tally{}
	for _, s := range j.shards {
		for _, hour := range s.books {
			for b, t := range hour {
				sum := sums[b]
				sum.Book = b
				sum.Add(t)
				sums[b] = sum
			}
		}
	}
	out := make([]lake.Tally, 0, len(sums))
	for _, t := range sums {
		out = append(out, t)
	}
	slices.SortFunc(out, compareTallies)
	return out
}

func compareTallies(a, b lake.Tally) int {
	return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Type, b.Type))
}

// Names implements lake.Journal.
func (j *journal) Names() []lake.Name {
	var all []wireName
	for _, s := range j.shards {
		all = append(all, s.names...)
	}
	slices.SortStableFunc(all, func(a, b wireName) int { return cmp.Compare(a.Time, b.Time) })
	seen := make(map[lake.Name]bool, len(all))
	var out []lake.Name
	for _, n := range all {
		if !seen[n.Name] {
			seen[n.Name] = true
			out = append(out, n.Name)
		}
	}
	return out
}
