// Package ledgertest holds the contracts of lake.Ledger, lake.Backlog,
// lake.Receipts and lake.NameList as tests. Every adapter runs them.
package ledgertest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
)

// Adapter is how the suites get at a ledger.
type Adapter struct {
	// Start makes an empty ledger whose claims live for ttl, a multiple of a
	// second. again ends its life, in order or not, and returns the ledger as
	// the next process finds it.
	Start func(t *testing.T, ttl time.Duration) (first lake.Ledger, again func() lake.Ledger)
	// Position makes the n-th position of a shard, n from 1; lake.Pos when nil.
	// Position 0 is always the zero position.
	Position func(n uint64) lake.Position
	// Brief makes the suites count in tens instead of thousands, for backends
	// that answer slowly. The cases are the same.
	Brief bool
}

// The suites' times: a start, and how long claims live.
const (
	start = lake.Instant(1_700_000_000_000_000)
	ttl   = time.Hour
)

const (
	shardA lake.ShardID = "shard-000"
	shardB lake.ShardID = "shard-001"
)

// life is one ledger under test with short words for what the suite does.
type life struct {
	t     *testing.T
	l     lake.Ledger
	again func() lake.Ledger
	pos   func(uint64) lake.Position
	brief bool
}

func (a Adapter) begin(t *testing.T) *life {
	t.Helper()
	f := &life{t: t, pos: a.Position, brief: a.Brief}
	if f.pos == nil {
		f.pos = lake.Pos
	}
	f.l, f.again = a.Start(t, ttl)
	return f
}

// many is how often a case does something that gets interesting in numbers.
func (f *life) many(n, brief int) int {
	if f.brief {
		return brief
	}
	return n
}

func (f *life) restart() { f.l = f.again() }

func (f *life) at(n uint64) lake.Position {
	if n == 0 {
		return lake.Position{}
	}
	return f.pos(n)
}

func (f *life) span(after, to uint64) lake.Span { return lake.Span{After: f.at(after), To: f.at(to)} }

// id makes the n-th ID, spread as hashes are.
func id(n uint64) (id lake.ID) {
	x := n * 0x9e3779b97f4a7c15
	for i := range id {
		x ^= x >> 29
		x *= 0xbf58476d1ce4e5b9
		id[i] = byte(x >> 56)
	}
	return id
}

// claim makes a claim of the n-th ID.
func (f *life) claim(n, position uint64, seconds int, fingerprint uint32) lake.Claim {
	return lake.Claim{
		ID: id(n), Position: f.at(position), Fingerprint: fingerprint,
		Time: start.Add(time.Duration(seconds) * time.Second),
	}
}

func (f *life) claims(shard lake.ShardID, claims []lake.Claim, want ...lake.Outcome) {
	f.t.Helper()
	got := make([]lake.Outcome, len(claims))
	if err := f.l.Claim(f.t.Context(), shard, claims, got); err != nil {
		f.t.Fatalf("claim: %v", err)
	}
	if !slices.Equal(got, want) {
		f.t.Fatalf("claims got %v, want %v", got, want)
	}
}

// one asks for one claim.
func (f *life) one(shard lake.ShardID, c lake.Claim, want lake.Outcome) {
	f.t.Helper()
	f.claims(shard, []lake.Claim{c}, want)
}

func (f *life) commit(c lake.Commit) {
	f.t.Helper()
	if err := f.l.Commit(f.t.Context(), c); err != nil {
		f.t.Fatalf("commit: %v", err)
	}
}

// advance commits a span with nothing but its claims.
func (f *life) advance(shard lake.ShardID, after, to uint64) {
	f.t.Helper()
	f.commit(lake.Commit{Shard: shard, Span: f.span(after, to)})
}

func (f *life) refused(c lake.Commit, want error) {
	f.t.Helper()
	if err := f.l.Commit(f.t.Context(), c); !errors.Is(err, want) {
		f.t.Fatalf("commit: %v, want %v", err, want)
	}
}

func (f *life) position(shard lake.ShardID, want uint64) {
	f.t.Helper()
	got, err := f.l.Position(f.t.Context(), shard)
	if err != nil || got != f.at(want) {
		f.t.Fatalf("position of %s is %s, %v, want %s", shard, got, err, f.at(want))
	}
}

func (f *life) journal() lake.Journal {
	f.t.Helper()
	j, err := f.l.Journal(f.t.Context())
	if err != nil {
		f.t.Fatalf("journal: %v", err)
	}
	return j
}

// live checks the keys of the live files, in commit order.
func (f *life) live(kind lake.Kind, want ...lake.Key) {
	f.t.Helper()
	if got := keys(f.journal(), kind); !slices.Equal(got, want) {
		f.t.Fatalf("live %s files %v, want %v", kind, got, want)
	}
}

func keys(j lake.Journal, kind lake.Kind) (out []lake.Key) {
	for file := range j.Files(kind) {
		out = append(out, file.Key)
	}
	return out
}

// file makes a raw file of a span.
func (f *life) file(key lake.Key, shard lake.ShardID, after, to uint64) lake.File {
	return lake.File{
		Key: key, Kind: lake.KindRaw, Shard: shard, Span: f.span(after, to),
		Partition: lake.Partition{Name: lake.Name{Type: "account", Subtype: "created"}, Day: start.Day()},
		Events:    int64(to - after), Bytes: 100, CRC: 0xdeadbeef,
		MinTime: start - 5, MaxTime: start, Received: start,
	}
}
