package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
)

// TestStatsAreTheSumsOfTheJournal over commits that add and remove files, and
// after the ledger was closed and opened.
func TestStatsAreTheSumsOfTheJournal(t *testing.T) {
	dir, seed := t.TempDir(), uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	l := open(t, disk.OS{}, dir, small(time.Hour))
	defer func() { closed(t, l) }()
	at := map[lake.ShardID]uint64{}
	var live []lake.File
	for n := range 200 {
		shard := lake.ShardID(fmt.Sprintf("shard-%03d", rng.IntN(3)))
		c := lake.Commit{Shard: shard, Span: lake.Span{After: lake.Pos(at[shard]), To: lake.Pos(at[shard] + 10)}}
		at[shard] += 10
		kind := lake.KindRaw
		if rng.IntN(4) == 0 {
			kind = lake.KindQuarantine
		}
		c.Add = []lake.File{{Key: lake.Key(fmt.Sprintf("raw/%d", n)), Kind: kind, Shard: shard, Span: c.Span,
			Events: rng.Int64N(10), Bytes: rng.Int64N(1000), Received: lake.Instant(1_000_000 + rng.Int64N(1000))}}
		c.Books = []lake.Tally{
			{Book: lake.Book{Source: "shop", Type: "account", Hour: lake.Instant(rng.IntN(3)) * 3_600_000_000}, Unique: 4, Duplicate: 3, Quarantined: rng.Int64N(3)},
			{Book: lake.Book{Source: "shop", Hour: 0}, Quarantined: rng.Int64N(3)},
		}
		if len(live) > 5 && rng.IntN(3) == 0 {
			i := rng.IntN(len(live))
			c.Remove = []lake.File{live[i]}
			live = append(live[:i], live[i+1:]...)
		}
		live = append(live, c.Add...)
		if err := l.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if n == 50 || n == 150 {
			if err := l.MarkCurated(t.Context(), map[lake.ShardID]lake.Position{"shard-001": lake.Pos(at["shard-001"] / 2)}); err != nil {
				t.Fatal(err)
			}
		}
		if n == 100 {
			closed(t, l)
			l = open(t, disk.OS{}, dir, small(time.Hour))
		}
		if n%20 == 0 || n == 199 {
			compareStats(t, l)
		}
	}
}

func compareStats(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	s := l.Stats()
	j, err := l.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want ledger.Verdicts
	for _, b := range j.Books() {
		want.Unique, want.Duplicate = want.Unique+b.Unique, want.Duplicate+b.Duplicate
		if b.Type == "" {
			want.Refused += b.Quarantined
		} else {
			want.Conflicts += b.Quarantined
		}
	}
	if s.Verdicts != want {
		t.Errorf("verdicts %+v, the books say %+v", s.Verdicts, want)
	}
	sum := func(files []lake.File) (h ledger.Held) {
		for _, f := range files {
			h = ledger.Held{Files: h.Files + 1, Events: h.Events + f.Events, Bytes: h.Bytes + f.Bytes}
		}
		return h
	}
	of := func(kind lake.Kind) (out []lake.File) {
		for f := range j.Files(kind) {
			out = append(out, f)
		}
		return out
	}
	pending, err := l.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting := ledger.Waiting{Held: sum(pending)}
	for i, f := range pending {
		if i == 0 || f.Received < waiting.Oldest {
			waiting.Oldest = f.Received
		}
	}
	if s.Raw != sum(of(lake.KindRaw)) || s.Quarantine != sum(of(lake.KindQuarantine)) || s.Waiting != waiting {
		t.Errorf("raw %+v, quarantine %+v, waiting %+v; the journal says %+v, %+v, %+v",
			s.Raw, s.Quarantine, s.Waiting, sum(of(lake.KindRaw)), sum(of(lake.KindQuarantine)), waiting)
	}
}
