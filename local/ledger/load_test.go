package ledger_test

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
)

// TestManyShardsWhileRunsAreSealedAndMerged lets four workers claim the same
// IDs while sealing and merging go on beside them: each ID gets one owner, and
// after a restart the same.
func TestManyShardsWhileRunsAreSealedAndMerged(t *testing.T) {
	const workers, ids, size = 4, 60_000, 500
	path := t.TempDir()
	o := ledger.Options{HotBytes: 2 * 59 * 2000, MergeRate: -1, TTL: time.Hour}
	l := open(t, disk.OS{}, path, o)
	owners := make([][]byte, workers)
	var wg sync.WaitGroup
	for w := range workers {
		owners[w] = make([]byte, ids)
		wg.Go(func() { work(t, l, w, owners[w], size) })
	}
	wg.Wait()
	for i := range ids {
		n := byte(0)
		for w := range workers {
			n += owners[w][i]
		}
		if n != 1 {
			t.Fatalf("id %d has %d owners", i, n)
		}
	}
	s := l.Stats()
	t.Logf("%+v", s)
	closed(t, l)
	if s.ColdClaims < ids/2 || s.Runs > 24+4 {
		t.Fatalf("sealing or merging does not keep up: %+v", s)
	}
	found := 0
	if err := ledger.Check(t.Context(), disk.OS{}, path, func(p ledger.Problem) { found++; t.Error(p.Path, p.Err) }); err != nil || found > 0 {
		t.Fatal(err)
	}
	l = open(t, disk.OS{}, path, o)
	out := make([]lake.Outcome, size)
	for w := range workers {
		for from := 0; from < ids; from += size {
			shard := lake.ShardID(fmt.Sprintf("shard-%d", w))
			if err := l.Claim(t.Context(), shard, claimsOf(w, from, size, ids), out); err != nil {
				t.Fatal(err)
			}
			for i, got := range out {
				if (got == lake.Owned) != (owners[w][idAt(w, from+i, ids)] == 1) {
					t.Fatalf("worker %d record %d: %d after the restart", w, from+i, got)
				}
			}
		}
	}
	closed(t, l)
}

// idAt is which ID a worker's n-th record has: all IDs, from another start.
func idAt(w, n, ids int) int { return (n + w*ids/5) % ids }

func claimsOf(w, from, n, ids int) []lake.Claim {
	claims := make([]lake.Claim, n)
	for i := range claims {
		c := &claims[i]
		c.Position, c.Time, c.Fingerprint = lake.Pos(uint64(from+i+1)), 1_000_000, 1
		id := uint64(idAt(w, from+i, ids))
		binary.LittleEndian.PutUint64(c.ID[:], id*0x9e3779b97f4a7c15)
		binary.LittleEndian.PutUint64(c.ID[8:], id)
	}
	return claims
}

func work(t *testing.T, l *ledger.Ledger, w int, owned []byte, size int) {
	shard := lake.ShardID(fmt.Sprintf("shard-%d", w))
	out := make([]lake.Outcome, size)
	for from := 0; from < len(owned); from += size {
		if err := l.Claim(t.Context(), shard, claimsOf(w, from, size, len(owned)), out); err != nil {
			t.Error(err)
			return
		}
		for i, o := range out {
			if o == lake.Owned {
				owned[idAt(w, from+i, len(owned))]++
			}
		}
		span := lake.Span{After: lake.Pos(uint64(from)), To: lake.Pos(uint64(from + size))}
		if err := l.Commit(t.Context(), lake.Commit{Shard: shard, Span: span}); err != nil {
			t.Error(err)
			return
		}
	}
}

// TestMergedRunsAreFewAndExpiredOnesGo feeds one shard for longer than claims
// live.
func TestMergedRunsAreFewAndExpiredOnesGo(t *testing.T) {
	o := ledger.Inline(ledger.Options{HotBytes: 2 * 59 * 500, MergeRate: -1, TTL: 48 * time.Hour})
	l := open(t, disk.OS{}, t.TempDir(), o)
	var at uint64
	most := 0
	for range 1000 {
		claims := make([]lake.Claim, 100)
		for i := range claims {
			at++
			claims[i].Position = lake.Pos(at)
			claims[i].Time = lake.Instant(at) * 20_000_000 // 100,000 claims in 23 days
			binary.BigEndian.PutUint64(claims[i].ID[:], at*0x9e3779b97f4a7c15)
		}
		if err := l.Claim(t.Context(), "s", claims, make([]lake.Outcome, len(claims))); err != nil {
			t.Fatal(err)
		}
		if err := l.Commit(t.Context(), lake.Commit{Shard: "s", Span: lake.Span{After: lake.Pos(at - 100), To: lake.Pos(at)}}); err != nil {
			t.Fatal(err)
		}
		most = max(most, l.Stats().Runs)
	}
	s := l.Stats()
	t.Logf("at most %d runs, %+v", most, s)
	// 48 hours of claims are 8640; the day beyond and runs that wait to expire
	// as a whole may double that.
	if total := s.ColdClaims + s.HotClaims; total < 8640 || total > 3*8640 {
		t.Fatalf("%d claims are kept", total)
	}
	if most > 24 {
		t.Fatalf("%d runs", most)
	}
	closed(t, l)
}

// TestForgottenBoundsWhatIsGone feeds one shard for longer than claims live:
// every claim from after Forgotten is known, now and after a restart with a
// longer lifetime, which brings nothing back.
func TestForgottenBoundsWhatIsGone(t *testing.T) {
	const step, size, rounds = 20 * time.Second, 100, 300 // a week
	dir := t.TempDir()
	o := ledger.Inline(ledger.Options{HotBytes: 2 * 59 * 500, MergeRate: -1, TTL: 48 * time.Hour})
	l := open(t, disk.OS{}, dir, o)
	claimed := func(n uint64) lake.Claim {
		c := lake.Claim{Position: lake.Pos(n), Time: lake.Instant(0).Add(time.Duration(n) * step)}
		binary.BigEndian.PutUint64(c.ID[:], n*0x9e3779b97f4a7c15)
		return c
	}
	if at := l.Forgotten(); at != 0 {
		t.Errorf("a new ledger has forgotten what came before %s", at)
	}
	for round := range uint64(rounds) {
		claims := make([]lake.Claim, size)
		for i := range claims {
			claims[i] = claimed(round*size + uint64(i) + 1)
		}
		if err := l.Claim(t.Context(), "s", claims, make([]lake.Outcome, size)); err != nil {
			t.Fatal(err)
		}
		span := lake.Span{After: lake.Pos(round * size), To: lake.Pos(round*size + size)}
		if err := l.Commit(t.Context(), lake.Commit{Shard: "s", Span: span}); err != nil {
			t.Fatal(err)
		}
	}
	forgotten := l.Forgotten()
	last := claimed(rounds * size).Time
	if age := last.Sub(forgotten); age < 48*time.Hour || age > 5*24*time.Hour {
		t.Errorf("forgotten what is older than %s", age)
	}
	closed(t, l)

	o.TTL = 30 * 24 * time.Hour
	l = open(t, disk.OS{}, dir, o)
	if again := l.Forgotten(); again != forgotten {
		t.Errorf("after a restart %s instead of %s", again, forgotten)
	}
	gone := 0
	for n := uint64(1); n <= rounds*size; n++ {
		_, known, err := l.Lookup(t.Context(), claimed(n).ID)
		if err != nil {
			t.Fatal(err)
		}
		if !known {
			gone++
			if at := claimed(n).Time; at >= forgotten {
				t.Fatalf("the claim of %s is gone, forgotten is %s", at, forgotten)
			}
		}
	}
	if gone == 0 {
		t.Error("nothing was forgotten, so nothing was tried")
	}
	closed(t, l)
}
