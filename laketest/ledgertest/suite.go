package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/eventlake/lake"
)

// Suite is the contract of lake.Ledger.
func Suite(t *testing.T, a Adapter) {
	for _, c := range []struct {
		name string
		test func(*life)
	}{
		{"a new ledger is empty", isEmpty},
		{"the first record owns, another is a duplicate", ownerSemantics},
		{"asking again gives the same answer", sameAnswer},
		{"an uncommitted record can own after a restart", ownsAfterRestart},
		{"the earlier of two claims in a call wins", earlierWins},
		{"another body is a conflict", conflict},
		{"claims expire by log time", expiry},
		{"claims expire the same after a restart", expiryAfterRestart},
		{"claims are seen by all shards", crossShard},
		{"a commit keeps the claims of its span only", spanOfClaims},
		{"one of many owns an id", concurrentClaims},
		{"a stale commit changes nothing", staleCommit},
		{"a commit is one step", atomicCommit},
		{"an empty span adds and removes files", emptySpan},
		{"removing a file that is not live is stale", removeUnknown},
		{"a file cannot be live twice", addTwice},
		{"files come in commit order", fileOrder},
		{"books are summed", booksSum},
		{"names are admitted once and in order", namesOrder},
		{"a journal does not change", journalStays},
		{"journals are consistent beside commits", journalConsistent},
		{"shards commit at the same time", concurrentCommits},
		{"bad input is refused", badInput},
		{"an ended context stops calls", endedContext},
		{"many claims in one call and across commits", manyClaims},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := a.begin(t)
			f.t = t
			c.test(f)
		})
	}
}

func isEmpty(f *life) {
	f.position(shardA, 0)
	j := f.journal()
	if len(j.Positions()) != 0 || len(j.Books()) != 0 || len(j.Names()) != 0 || len(keys(j, "")) != 0 {
		f.t.Fatal("a new ledger holds something")
	}
}

func ownerSemantics(f *life) {
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.one(shardA, f.claim(1, 2, 0, 7), lake.Taken)
	f.advance(shardA, 0, 2)
	f.one(shardA, f.claim(1, 3, 0, 7), lake.Taken)
	f.restart()
	f.position(shardA, 2)
	f.one(shardA, f.claim(1, 3, 0, 7), lake.Taken)
}

func sameAnswer(f *life) {
	batch := []lake.Claim{f.claim(1, 1, 0, 7), f.claim(2, 2, 0, 7), f.claim(1, 3, 0, 7), f.claim(2, 4, 0, 8)}
	want := []lake.Outcome{lake.Owned, lake.Owned, lake.Taken, lake.Conflict}
	for range 3 {
		f.claims(shardA, batch, want...)
	}
	f.claims(shardA, batch[1:], want[1:]...)
	f.advance(shardA, 0, 2)
	f.claims(shardA, batch, want...)
	f.restart()
	f.claims(shardA, batch, want...)
	f.advance(shardA, 2, 4)
	f.restart()
	f.claims(shardA, batch, want...)
}

func ownsAfterRestart(f *life) {
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.restart()
	f.position(shardA, 0)
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.advance(shardA, 0, 1)
	f.restart()
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.one(shardA, f.claim(1, 2, 0, 7), lake.Taken)
}

func earlierWins(f *life) {
	f.claims(shardA,
		[]lake.Claim{f.claim(1, 1, 0, 7), f.claim(1, 2, 0, 7), f.claim(1, 3, 0, 9), f.claim(2, 4, 0, 7)},
		lake.Owned, lake.Taken, lake.Conflict, lake.Owned)
}

func conflict(f *life) {
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.one(shardB, f.claim(1, 1, 0, 8), lake.Conflict)
	f.one(shardB, f.claim(1, 1, 0, 7), lake.Taken)
	f.advance(shardA, 0, 1)
	f.restart()
	f.one(shardB, f.claim(1, 1, 0, 8), lake.Conflict)
	// The owner is the record, whatever it says of its body.
	f.one(shardA, f.claim(1, 1, 0, 8), lake.Owned)
}

const lifetime = int(ttl / 1e9) // in seconds

func expiry(f *life) {
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.advance(shardA, 0, 1)
	f.one(shardA, f.claim(1, 2, lifetime, 7), lake.Taken)
	f.one(shardA, f.claim(1, 3, lifetime+1, 7), lake.Owned)
	f.one(shardA, f.claim(1, 4, lifetime+1, 7), lake.Taken)
	f.one(shardA, f.claim(1, 5, 2*lifetime+1, 7), lake.Taken)
	f.one(shardA, f.claim(1, 6, 2*lifetime+2, 9), lake.Owned)
}

func expiryAfterRestart(f *life) {
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.advance(shardA, 0, 1)
	f.one(shardA, f.claim(1, 2, lifetime+1, 8), lake.Owned)
	f.restart()
	f.one(shardA, f.claim(1, 2, lifetime+1, 8), lake.Owned)
	f.advance(shardA, 1, 2)
	f.restart()
	f.one(shardA, f.claim(1, 3, lifetime+1, 8), lake.Taken)
	f.one(shardA, f.claim(1, 4, lifetime+1, 7), lake.Conflict)
	f.one(shardA, f.claim(1, 2, lifetime+1, 8), lake.Owned)
}

func crossShard(f *life) {
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.one(shardB, f.claim(1, 1, 0, 7), lake.Taken)
	f.one(shardB, f.claim(2, 1, 0, 7), lake.Owned)
	f.one(shardA, f.claim(2, 2, 0, 7), lake.Taken)
	f.advance(shardB, 0, 1)
	f.advance(shardA, 0, 2)
	f.restart()
	f.one(shardB, f.claim(1, 2, 0, 7), lake.Taken)
	f.one(shardA, f.claim(2, 3, 0, 7), lake.Taken)
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.one(shardB, f.claim(2, 1, 0, 7), lake.Owned)
}

func spanOfClaims(f *life) {
	f.claims(shardA, []lake.Claim{f.claim(1, 1, 0, 7), f.claim(2, 2, 0, 7), f.claim(3, 3, 0, 7)},
		lake.Owned, lake.Owned, lake.Owned)
	f.advance(shardA, 0, 2)
	// Until a crash all are owned; after it only those up to position 2 must be.
	f.one(shardB, f.claim(3, 1, 0, 7), lake.Taken)
	f.restart()
	f.one(shardB, f.claim(1, 1, 0, 7), lake.Taken)
	f.one(shardB, f.claim(2, 1, 0, 7), lake.Taken)
	f.one(shardA, f.claim(3, 3, 0, 7), lake.Owned)
	f.advance(shardA, 2, 3)
	f.restart()
	f.one(shardB, f.claim(3, 1, 0, 7), lake.Taken)
}

func concurrentClaims(f *life) {
	const workers = 8
	ids := f.many(200, 20)
	owned := make([][]lake.Outcome, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			claims := make([]lake.Claim, ids)
			for i := range claims {
				claims[i] = f.claim(uint64((i+w*17)%ids), uint64(i+1), 0, 7)
			}
			out := make([]lake.Outcome, ids)
			for i := 0; i < ids; i += 10 {
				if err := f.l.Claim(f.t.Context(), lake.ShardID(fmt.Sprintf("shard-%03d", w)), claims[i:i+10], out[i:i+10]); err != nil {
					f.t.Errorf("claim: %v", err)
				}
			}
			owned[w] = out
		})
	}
	wg.Wait()
	owners := make([]int, ids)
	for w, out := range owned {
		for i, o := range out {
			if o == lake.Owned {
				owners[(i+w*17)%ids]++
			} else if o != lake.Taken {
				f.t.Fatalf("outcome %d", o)
			}
		}
	}
	for n, c := range owners {
		if c != 1 {
			f.t.Fatalf("id %d has %d owners", n, c)
		}
	}
}

func staleCommit(f *life) {
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	f.commit(lake.Commit{Shard: shardA, Span: f.span(0, 1), Add: []lake.File{f.file("raw/1", shardA, 0, 1)}})
	zombie := lake.Commit{
		Shard: shardA, Span: f.span(0, 2), Add: []lake.File{f.file("raw/z", shardA, 0, 2)},
		Remove: []lake.File{f.file("raw/1", shardA, 0, 1)},
		Books:  []lake.Tally{{Book: lake.Book{Source: "s", Hour: start.Hour()}, Unique: 2}},
		Types:  []lake.Name{{Type: "z", Subtype: "z"}},
	}
	f.refused(zombie, lake.ErrStale)
	zombie.Span = f.span(2, 3)
	f.refused(zombie, lake.ErrStale)
	f.restart()
	f.position(shardA, 1)
	f.live("", "raw/1")
	if j := f.journal(); len(j.Books()) != 0 || len(j.Names()) != 0 {
		f.t.Fatal("a stale commit left something behind")
	}
	f.advance(shardA, 1, 2)
}

func atomicCommit(f *life) {
	f.one(shardA, f.claim(1, 1, 0, 7), lake.Owned)
	file := f.file("raw/1", shardA, 0, 3)
	q := lake.File{
		Key: "quarantine/1", Kind: lake.KindQuarantine, Shard: shardA, Span: f.span(0, 3),
		Partition: lake.Partition{Day: start.Day()}, Events: 1, Bytes: 9, CRC: 1, MinTime: start, MaxTime: start, Received: start,
	}
	tally := lake.Tally{Book: lake.Book{Source: "s", Type: "account", Hour: start.Hour()}, Unique: 1, Duplicate: 1, Quarantined: 1}
	f.commit(lake.Commit{
		Shard: shardA, Span: f.span(0, 3), Add: []lake.File{file, q},
		Books: []lake.Tally{tally}, Types: []lake.Name{{Type: "account", Subtype: "created"}},
	})
	for range 2 {
		j := f.journal()
		if got := j.Positions(); !maps.Equal(got, map[lake.ShardID]lake.Position{shardA: f.at(3)}) {
			f.t.Fatalf("positions %v", got)
		}
		if got := slices.Collect(j.Files("")); !slices.Equal(got, []lake.File{file, q}) {
			f.t.Fatalf("files %+v", got)
		}
		f.live(lake.KindRaw, "raw/1")
		f.live(lake.KindQuarantine, "quarantine/1")
		if got := j.Books(); !slices.Equal(got, []lake.Tally{tally}) {
			f.t.Fatalf("books %+v", got)
		}
		if got := j.Names(); !slices.Equal(got, []lake.Name{{Type: "account", Subtype: "created"}}) {
			f.t.Fatalf("names %+v", got)
		}
		f.one(shardA, f.claim(1, 4, 0, 7), lake.Taken)
		f.restart()
	}
}

func emptySpan(f *life) {
	f.commit(lake.Commit{Shard: shardA, Span: f.span(0, 2), Add: []lake.File{f.file("a", shardA, 0, 2)}})
	f.commit(lake.Commit{Shard: shardA, Span: f.span(2, 4), Add: []lake.File{f.file("b", shardA, 2, 4)}})
	f.commit(lake.Commit{
		Shard: shardA, Span: f.span(4, 4), Add: []lake.File{f.file("ab", shardA, 0, 4)},
		Remove: []lake.File{f.file("a", shardA, 0, 2), f.file("b", shardA, 2, 4)},
	})
	for range 2 {
		f.position(shardA, 4)
		f.live("", "ab")
		f.restart()
	}
	// It need not name the position: it moves none.
	f.commit(lake.Commit{Shard: shardA, Remove: []lake.File{f.file("ab", shardA, 0, 4)}})
	f.restart()
	f.live("")
	f.position(shardA, 4)
}

func removeUnknown(f *life) {
	a := f.file("a", shardA, 0, 2)
	f.commit(lake.Commit{Shard: shardA, Span: f.span(0, 2), Add: []lake.File{a}})
	f.refused(lake.Commit{Shard: shardA, Remove: []lake.File{f.file("b", shardA, 0, 2)}}, lake.ErrStale)
	f.refused(lake.Commit{Shard: shardA, Add: []lake.File{f.file("c", shardA, 0, 2)}, Remove: []lake.File{a, f.file("b", shardA, 0, 2)}}, lake.ErrStale)
	f.refused(lake.Commit{Shard: shardA, Remove: []lake.File{a, a}}, lake.ErrStale)
	f.live("", "a")
	f.commit(lake.Commit{Shard: shardA, Remove: []lake.File{a}})
	f.refused(lake.Commit{Shard: shardA, Remove: []lake.File{a}}, lake.ErrStale)
	f.restart()
	f.live("")
}

func addTwice(f *life) {
	a := f.file("a", shardA, 0, 2)
	f.commit(lake.Commit{Shard: shardA, Span: f.span(0, 2), Add: []lake.File{a}})
	f.refused(lake.Commit{Shard: shardA, Add: []lake.File{a}}, lake.ErrInvalid)
	b := f.file("b", shardA, 0, 2)
	f.refused(lake.Commit{Shard: shardA, Add: []lake.File{b, b}}, lake.ErrInvalid)
	f.commit(lake.Commit{Shard: shardA, Remove: []lake.File{a}, Add: []lake.File{a}})
	f.restart()
	f.live("", "a")
}

func fileOrder(f *life) {
	var want []lake.Key
	commits := uint64(f.many(700, 40))
	for i := range commits {
		key := lake.Key(fmt.Sprintf("k%04d", (i*389)%commits))
		f.commit(lake.Commit{Shard: shardA, Span: f.span(i, i+1), Add: []lake.File{f.file(key, shardA, i, i+1)}})
		want = append(want, key)
	}
	f.live("", want...)
	for i := 0; i < len(want); i += 2 {
		f.commit(lake.Commit{Shard: shardA, Remove: []lake.File{{Key: want[i]}}})
	}
	var left []lake.Key
	for i := 1; i < len(want); i += 2 {
		left = append(left, want[i])
	}
	f.live("", left...)
	f.restart()
	f.live("", left...)
}

func booksSum(f *life) {
	one := lake.Book{Source: "s", Type: "a", Hour: start.Hour()}
	two := lake.Book{Source: "s", Type: "", Hour: start.Hour()}
	f.commit(lake.Commit{Shard: shardA, Span: f.span(0, 6), Books: []lake.Tally{
		{Book: one, Unique: 1, Duplicate: 2}, {Book: two, Quarantined: 3}}})
	f.commit(lake.Commit{Shard: shardB, Span: f.span(0, 4), Books: []lake.Tally{{Book: one, Unique: 4}}})
	want := map[lake.Book]lake.Tally{
		one: {Book: one, Unique: 5, Duplicate: 2},
		two: {Book: two, Quarantined: 3},
	}
	for range 2 {
		got := map[lake.Book]lake.Tally{}
		for _, t := range f.journal().Books() {
			if _, twice := got[t.Book]; twice {
				f.t.Fatalf("book %+v twice", t.Book)
			}
			got[t.Book] = t
		}
		if !maps.Equal(got, want) {
			f.t.Fatalf("books %+v, want %+v", got, want)
		}
		f.restart()
	}
}

func namesOrder(f *life) {
	n := func(s string) lake.Name { return lake.Name{Type: s, Subtype: "x"} }
	f.commit(lake.Commit{Shard: shardA, Span: f.span(0, 1), Types: []lake.Name{n("c"), n("a")}})
	f.commit(lake.Commit{Shard: shardB, Span: f.span(0, 1), Types: []lake.Name{n("a"), n("b")}})
	for range 2 {
		if got := f.journal().Names(); !slices.Equal(got, []lake.Name{n("c"), n("a"), n("b")}) {
			f.t.Fatalf("names %v", got)
		}
		f.restart()
	}
}

func journalStays(f *life) {
	book := lake.Book{Source: "s", Type: "a", Hour: start.Hour()}
	a := f.file("a", shardA, 0, 1)
	f.commit(lake.Commit{
		Shard: shardA, Span: f.span(0, 1), Add: []lake.File{a},
		Books: []lake.Tally{{Book: book, Unique: 1}}, Types: []lake.Name{{Type: "a", Subtype: "x"}},
	})
	j := f.journal()
	f.commit(lake.Commit{
		Shard: shardA, Span: f.span(1, 2), Add: []lake.File{f.file("b", shardA, 1, 2)}, Remove: []lake.File{a},
		Books: []lake.Tally{{Book: book, Unique: 1}}, Types: []lake.Name{{Type: "b", Subtype: "x"}},
	})
	if got := keys(j, ""); !slices.Equal(got, []lake.Key{"a"}) {
		f.t.Fatalf("files %v", got)
	}
	if j.Positions()[shardA] != f.at(1) || len(j.Names()) != 1 || len(j.Books()) != 1 || j.Books()[0].Unique != 1 {
		f.t.Fatalf("the journal moved: %v %v %v", j.Positions(), j.Names(), j.Books())
	}
}

// journalConsistent commits one file and one event a position, and looks
// whether any journal ever shows another number of either.
func journalConsistent(f *life) {
	commits := uint64(f.many(200, 25))
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i := range commits {
			err := f.l.Commit(f.t.Context(), lake.Commit{
				Shard: shardA, Span: f.span(i, i+1),
				Add:   []lake.File{f.file(lake.Key(fmt.Sprint("k", i)), shardA, i, i+1)},
				Books: []lake.Tally{{Book: lake.Book{Source: "s", Type: "a", Hour: start.Hour()}, Unique: 1}},
			})
			if err != nil {
				f.t.Errorf("commit: %v", err)
				return
			}
		}
	})
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		j := f.journal()
		files := len(keys(j, ""))
		var events int64
		for _, t := range j.Books() {
			events += t.Total()
		}
		if j.Positions()[shardA] != f.at(uint64(files)) || events != int64(files) {
			f.t.Fatalf("position %s with %d files and %d events", j.Positions()[shardA], files, events)
		}
	}
	wg.Wait()
}

func concurrentCommits(f *life) {
	const shards = 4
	commits := uint64(f.many(25, 5))
	var wg sync.WaitGroup
	for s := range shards {
		shard := lake.ShardID(fmt.Sprintf("shard-%03d", s))
		wg.Go(func() {
			out := make([]lake.Outcome, 1)
			for i := range commits {
				c := []lake.Claim{f.claim(uint64(s)*commits+i, i+1, 0, 7)}
				if err := f.l.Claim(f.t.Context(), shard, c, out); err != nil || out[0] != lake.Owned {
					f.t.Errorf("claim: %v %v", out, err)
				}
				if err := f.l.Commit(f.t.Context(), lake.Commit{Shard: shard, Span: f.span(i, i+1)}); err != nil {
					f.t.Errorf("commit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	f.restart()
	for s := range shards {
		f.position(lake.ShardID(fmt.Sprintf("shard-%03d", s)), commits)
		for i := range commits {
			f.one("other", f.claim(uint64(s)*commits+i, 1, 0, 7), lake.Taken)
		}
	}
}

func badInput(f *life) {
	bad := func(err error) {
		f.t.Helper()
		if !errors.Is(err, lake.ErrInvalid) {
			f.t.Fatalf("got %v, want %v", err, lake.ErrInvalid)
		}
	}
	ctx := f.t.Context()
	bad(f.l.Claim(ctx, shardA, []lake.Claim{f.claim(1, 1, 0, 7)}, nil))
	bad(f.l.Claim(ctx, shardA, []lake.Claim{f.claim(1, 0, 0, 7)}, make([]lake.Outcome, 1)))
	bad(f.l.Commit(ctx, lake.Commit{Span: f.span(0, 1)}))
	bad(f.l.Commit(ctx, lake.Commit{Shard: shardA, Span: f.span(2, 1)}))
	f.claims(shardA, nil)
	f.position(shardA, 0)
}

func endedContext(f *life) {
	ctx, cancel := context.WithCancel(f.t.Context())
	cancel()
	if err := f.l.Commit(ctx, lake.Commit{Shard: shardA, Span: f.span(0, 1)}); !errors.Is(err, context.Canceled) {
		f.t.Fatalf("commit: %v", err)
	}
	if err := f.l.Claim(ctx, shardA, []lake.Claim{f.claim(1, 1, 0, 7)}, make([]lake.Outcome, 1)); !errors.Is(err, context.Canceled) {
		f.t.Fatalf("claim: %v", err)
	}
	f.position(shardA, 0)
}

func manyClaims(f *life) {
	ids := uint64(f.many(3000, 60))
	claims := make([]lake.Claim, 0, 2*ids)
	want := make([]lake.Outcome, 0, 2*ids)
	for i := range ids {
		claims = append(claims, f.claim(i, 2*i+1, 0, 7), f.claim(i, 2*i+2, 0, 7))
		want = append(want, lake.Owned, lake.Taken)
	}
	f.claims(shardA, claims, want...)
	f.advance(shardA, 0, ids)
	f.restart()
	f.claims(shardA, claims[ids:], want[ids:]...)
	f.advance(shardA, ids, 2*ids)
	f.restart()
	f.claims(shardA, claims, want...)
	for i := range claims {
		claims[i].Position = f.at(2*ids + uint64(i) + 1)
		want[i] = lake.Taken
	}
	f.claims(shardA, claims, want...)
}
