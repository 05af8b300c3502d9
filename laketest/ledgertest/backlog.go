package ledgertest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/eventlake/lake"
)

// Backlog is the contract of lake.Backlog for a ledger that has it.
func Backlog(t *testing.T, a Adapter) {
	for _, c := range []struct {
		name string
		test func(*life)
	}{
		{"only raw files are pending, in commit order", pendingRaw},
		{"the mark moves forward only", markForward},
		{"pending survives a restart", pendingRestart},
		{"a removed file is not pending", pendingRemoved},
		{"a merged file keeps a shard in the order of its spans", pendingMerged},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(a.begin(t)) })
	}
}

func (f *life) backlog() lake.Backlog {
	f.t.Helper()
	b, ok := f.l.(lake.Backlog)
	if !ok {
		f.t.Fatal("the ledger is no backlog")
	}
	return b
}

func (f *life) pending(want ...lake.Key) {
	f.t.Helper()
	files, err := f.backlog().Pending(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	var got []lake.Key
	for _, file := range files {
		got = append(got, file.Key)
	}
	if !slices.Equal(got, want) {
		f.t.Fatalf("pending %v, want %v", got, want)
	}
}

func (f *life) mark(shard lake.ShardID, to, want uint64) {
	f.t.Helper()
	b := f.backlog()
	if err := b.MarkCurated(f.t.Context(), map[lake.ShardID]lake.Position{shard: f.at(to)}); err != nil {
		f.t.Fatal(err)
	}
	marks, err := b.Curated(f.t.Context())
	if err != nil || marks[shard] != f.at(want) {
		f.t.Fatalf("mark of %s is %s, %v, want %s", shard, marks[shard], err, f.at(want))
	}
}

// fill commits three files of shard A and one of shard B.
func (f *life) fill() {
	f.t.Helper()
	for i := range uint64(3) {
		q := f.file(lake.Key(fmt.Sprint("q", i)), shardA, i, i+1)
		q.Kind = lake.KindQuarantine
		f.commit(lake.Commit{Shard: shardA, Span: f.span(i, i+1), Add: []lake.File{q, f.file(lake.Key(fmt.Sprint("a", i)), shardA, i, i+1)}})
		if i == 1 {
			f.commit(lake.Commit{Shard: shardB, Span: f.span(0, 5), Add: []lake.File{f.file("b", shardB, 0, 5)}})
		}
	}
}

func pendingRaw(f *life) {
	f.pending()
	f.fill()
	f.pending("a0", "a1", "b", "a2")
	f.mark(shardA, 1, 1)
	f.pending("a1", "b", "a2")
	f.mark(shardB, 5, 5)
	f.pending("a1", "a2")
	f.mark(shardA, 3, 3)
	f.pending()
	f.commit(lake.Commit{Shard: shardA, Span: f.span(3, 4), Add: []lake.File{f.file("a3", shardA, 3, 4)}})
	f.pending("a3")
}

func markForward(f *life) {
	f.fill()
	f.mark(shardA, 2, 2)
	f.mark(shardA, 1, 2)
	f.pending("b", "a2")
}

// pendingRestart: the mark is a hint, so after a restart files below it may be
// pending again, but none beyond it may be missing.
func pendingRestart(f *life) {
	f.fill()
	f.mark(shardA, 2, 2)
	f.commit(lake.Commit{Shard: shardB, Span: f.span(5, 6), Add: []lake.File{f.file("b2", shardB, 5, 6)}})
	f.restart()
	files, err := f.backlog().Pending(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, key := range []lake.Key{"b", "a2", "b2"} {
		if !slices.ContainsFunc(files, func(g lake.File) bool { return g.Key == key }) {
			f.t.Fatalf("%s is not pending", key)
		}
	}
	f.mark(shardA, 2, 2)
	f.pending("b", "a2", "b2")
}

func pendingRemoved(f *life) {
	f.fill()
	f.commit(lake.Commit{Shard: shardA, Remove: []lake.File{f.file("a1", shardA, 1, 2)}})
	f.pending("a0", "b", "a2")
}

func pendingMerged(f *life) {
	f.fill()
	f.commit(lake.Commit{
		Shard: shardA, Add: []lake.File{f.file("a01", shardA, 0, 2)},
		Remove: []lake.File{f.file("a0", shardA, 0, 1), f.file("a1", shardA, 1, 2)},
	})
	f.pending("b", "a01", "a2")
}
