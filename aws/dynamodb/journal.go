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
type journal []shardState

type shardState struct {
	id lake.ShardID
	*state
}

// Journal implements lake.Ledger. The first one reads what is live, further
// ones what was committed since.
func (l *Ledger) Journal(ctx context.Context) (lake.Journal, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j, err := l.view(ctx)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return j, nil
}

// view reads the heads of all shards and brings each state up to its head.
func (l *Ledger) view(ctx context.Context) (journal, error) {
	var j journal
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
		j, heads = append(j, shardState{id: lake.ShardID(f.text("sk"))}), append(heads, h)
	}
	const atOnce = 8
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for n := range j {
		group.Go(func() error {
			sh, release, err := l.locked(ctx, j[n].id)
			if err != nil {
				return err
			}
			defer release()
			err = l.load(ctx, sh, heads[n])
			j[n].state = sh.state
			return err
		})
	}
	return j, group.Wait()
}

// Positions implements lake.Journal.
func (j journal) Positions() map[lake.ShardID]lake.Position {
	out := make(map[lake.ShardID]lake.Position, len(j))
	for _, s := range j {
		if !s.position.IsZero() {
			out[s.id] = s.position
		}
	}
	return out
}

// Files implements lake.Journal.
func (j journal) Files(kind lake.Kind) iter.Seq[lake.File] {
	return func(yield func(lake.File) bool) {
		for f := range j.all() {
			if (kind == "" || f.Kind == kind) && !yield(*f) {
				return
			}
		}
	}
}

// all yields the live files of all shards by the time of their commit.
func (j journal) all() iter.Seq[*lake.File] {
	return func(yield func(*lake.File) bool) {
		var c cursors
		for _, s := range j {
			if len(s.files) > 0 {
				c = append(c, s.files)
			}
		}
		heap.Init(&c)
		for len(c) > 0 {
			if !yield(&c[0][0].file) {
				return
			}
			if c[0] = c[0][1:]; len(c[0]) == 0 {
				heap.Pop(&c)
			} else {
				heap.Fix(&c, 0)
			}
		}
	}
}

// cursors is a heap of what is left of the shards' files, each in order.
type cursors [][]live

func (c cursors) Len() int      { return len(c) }
func (c cursors) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c cursors) Push(any)      {} // cursors only end

func (c cursors) Less(i, j int) bool {
	a, b := &c[i][0], &c[j][0]
	return cmp.Or(cmp.Compare(a.committed, b.committed), cmp.Compare(a.file.Shard, b.file.Shard)) < 0
}

func (c *cursors) Pop() any {
	*c = (*c)[:len(*c)-1]
	return nil
}

// Books implements lake.Journal: the books of hours that Options.KeepBooks
// covers, by hour, source and type.
func (j journal) Books() []lake.Tally {
	sums := map[lake.Book]lake.Tally{}
	for _, s := range j {
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
func (j journal) Names() []lake.Name {
	var all []wireName
	for _, s := range j {
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
