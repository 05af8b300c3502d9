package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
)

const dir = "data/ledger"

// some options make a ledger of 400 claims with a snapshot, runs and a log.
func someOptions() ledger.Options {
	return ledger.Inline(ledger.Options{TTL: 1000 * time.Hour, HotBytes: 2 * 59 * 100, MergeRate: -1})
}

func someClaims(n uint64) []lake.Claim {
	rng := rand.New(rand.NewPCG(n, 0))
	claims := make([]lake.Claim, 10)
	for i := range claims {
		claims[i] = lake.Claim{Position: lake.Pos(10*n + uint64(i) + 1), Time: 1_000_000, Fingerprint: 1}
		for j := range claims[i].ID {
			claims[i].ID[j] = byte(rng.Uint32())
		}
	}
	return claims
}

func someFile(n uint64) lake.File {
	return lake.File{
		Key: lake.Key(fmt.Sprint("raw/", n)), Kind: lake.KindRaw, Shard: "s",
		Span: lake.Span{After: lake.Pos(10 * n), To: lake.Pos(10*n + 10)},
	}
}

func fillSome(t testing.TB, l *ledger.Ledger, from, to uint64) {
	t.Helper()
	for n := from; n < to; n++ {
		claims := someClaims(n)
		if err := l.Claim(t.Context(), "s", claims, make([]lake.Outcome, len(claims))); err != nil {
			t.Fatal(err)
		}
		f := someFile(n)
		err := l.Commit(t.Context(), lake.Commit{
			Shard: "s", Span: f.Span, Add: []lake.File{f},
			Books: []lake.Tally{{Book: lake.Book{Source: "x", Hour: 0}, Unique: 10}}, Types: []lake.Name{{Type: fmt.Sprint(n % 3), Subtype: "y"}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// allTaken asks for all claims from another shard.
func allTaken(t testing.TB, l *ledger.Ledger, to uint64) error {
	t.Helper()
	for n := range to {
		claims := someClaims(n)
		out := make([]lake.Outcome, len(claims))
		if err := l.Claim(t.Context(), "other", claims, out); err != nil {
			return err
		}
		if slices.Contains(out, lake.Owned) || slices.Contains(out, lake.Conflict) {
			t.Fatalf("claims %d: %v: a wrong answer", n, out)
		}
	}
	return nil
}

const someCommits = 46

func somewhere(t testing.TB, seed uint64) *crashfs.FS {
	t.Helper()
	fsys := crashfs.New(seed)
	l := open(t, fsys, dir, someOptions())
	fillSome(t, l, 0, someCommits)
	if s := l.Stats(); s.Runs == 0 || s.Snapshot == 0 || s.HotClaims == 0 {
		t.Fatalf("not what the tests need: %+v", s)
	}
	closed(t, l)
	return fsys
}

func problems(t testing.TB, fsys disk.FS) (out []ledger.Problem) {
	t.Helper()
	if err := ledger.Check(t.Context(), fsys, dir, func(p ledger.Problem) { out = append(out, p) }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCheckFindsNothingInAWholeLedger(t *testing.T) {
	if p := problems(t, somewhere(t, 1)); len(p) > 0 {
		t.Fatalf("%v", p)
	}
	if p := problems(t, crashfs.New(1)); len(p) > 0 {
		t.Fatalf("empty: %v", p)
	}
}

// TestDamageIsNeverAWrongAnswer flips bits and cuts every file of a ledger.
// Opening or claiming says so, and Check finds it; but the torn end of the log
// is what a crash leaves and goes unnoticed.
func TestDamageIsNeverAWrongAnswer(t *testing.T) {
	whole := somewhere(t, 1)
	entries, err := whole.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for _, e := range entries {
		path := filepath.Join(dir, e.Name)
		for i := range 60 {
			fsys := somewhere(t, 1)
			at := rng.Int64N(e.Size)
			what := fmt.Sprintf("%s of %d bytes, bit at %d", e.Name, e.Size, at)
			edit := func(b []byte) []byte {
				b[at] ^= 1 << rng.IntN(8)
				return b
			}
			if i%3 == 0 {
				what = fmt.Sprintf("%s of %d bytes, cut at %d", e.Name, e.Size, at)
				edit = func(b []byte) []byte { return b[:at] }
			}
			if err := fsys.Damage(path, edit); err != nil {
				t.Fatal(err)
			}
			found := problems(t, fsys)
			l, err := ledger.Open(t.Context(), fsys, dir, someOptions())
			if err == nil {
				var at lake.Position
				if at, err = l.Position(t.Context(), "s"); err != nil {
					t.Fatal(err)
				}
				if whole := lake.Pos(10 * someCommits); at != whole && !strings.HasPrefix(e.Name, "log-") {
					t.Fatalf("%s: the position is %s", what, at)
				}
				err = allTaken(t, l, at.Seq[2]/10)
				if e := l.Close(); e != nil {
					t.Fatal(e)
				}
			}
			switch {
			case err == nil && len(found) == 0 && strings.HasPrefix(e.Name, "log-"):
			case err == nil:
				t.Fatalf("%s: nobody noticed, but Check: %v", what, found)
			case !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "":
				t.Fatalf("%s: %v, hint %q", what, err, lake.Hint(err))
			case len(found) == 0:
				t.Fatalf("%s: Check found nothing, but: %v", what, err)
			}
		}
	}
}

func TestDamageBeforeTheEndOfTheLogIsRefused(t *testing.T) {
	fsys := crashfs.New(1)
	l := open(t, fsys, dir, ledger.Options{})
	fillSome(t, l, 0, 3)
	closed(t, l)
	if err := fsys.Damage(filepath.Join(dir, "log-0000000001"), func(b []byte) []byte {
		b[100] ^= 1
		return b
	}); err != nil {
		t.Fatal(err)
	}
	_, err := ledger.Open(t.Context(), fsys, dir, ledger.Options{})
	if !errors.Is(err, lake.ErrCorrupt) || !strings.Contains(lake.Hint(err), "lake doctor") {
		t.Fatalf("open: %v", err)
	}
}

func TestMissingFilesAreRefused(t *testing.T) {
	entries, err := somewhere(t, 1).ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fsys := somewhere(t, 1)
		if err := fsys.Remove(filepath.Join(dir, e.Name)); err != nil {
			t.Fatal(err)
		}
		if p := problems(t, fsys); len(p) == 0 {
			t.Errorf("%s is gone and Check found nothing", e.Name)
		}
		if _, err := ledger.Open(t.Context(), fsys, dir, someOptions()); !errors.Is(err, lake.ErrCorrupt) {
			t.Errorf("%s is gone: %v", e.Name, err)
		}
	}
}

func TestFullDiskRefusesAndGoesOn(t *testing.T) {
	fsys := crashfs.New(1)
	l := open(t, fsys, dir, someOptions())
	fillSome(t, l, 0, 5)
	fsys.Limit(fsys.Used() + 100)
	claims := someClaims(5)
	if err := l.Claim(t.Context(), "s", claims, make([]lake.Outcome, len(claims))); err != nil {
		t.Fatal(err)
	}
	f := someFile(5)
	c := lake.Commit{Shard: "s", Span: f.Span, Add: []lake.File{f}}
	for range 2 {
		if err := l.Commit(t.Context(), c); !errors.Is(err, lake.ErrFull) || lake.Hint(err) == "" {
			t.Fatalf("commit: %v", err)
		}
	}
	if p, err := l.Position(t.Context(), "s"); err != nil || p != lake.Pos(50) {
		t.Fatalf("position %s, %v", p, err)
	}
	fsys.Limit(0)
	if err := l.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	fillSome(t, l, 6, someCommits)
	fsys = fsys.Crash()
	l = open(t, fsys, dir, someOptions())
	if err := allTaken(t, l, someCommits); err != nil {
		t.Fatal(err)
	}
}

func TestFailedSyncStopsTheLedger(t *testing.T) {
	fsys := crashfs.New(1)
	l := open(t, fsys, dir, someOptions())
	fillSome(t, l, 0, 1)
	fsys.Inject(crashfs.Fault{N: fsys.Ops() + 2})
	f := someFile(1)
	err := l.Commit(t.Context(), lake.Commit{Shard: "s", Span: f.Span})
	if !errors.Is(err, lake.ErrClosed) || lake.Hint(err) == "" {
		t.Fatalf("commit: %v", err)
	}
	if err := l.Claim(t.Context(), "s", nil, nil); !errors.Is(err, lake.ErrClosed) {
		t.Fatalf("claim: %v", err)
	}
	if _, err := l.Position(t.Context(), "s"); !errors.Is(err, lake.ErrClosed) {
		t.Fatalf("position: %v", err)
	}
	if _, err := l.Journal(t.Context()); !errors.Is(err, lake.ErrClosed) {
		t.Fatalf("journal: %v", err)
	}
	closed(t, l)
	closed(t, l)
	l = open(t, fsys, dir, someOptions())
	fillSome(t, l, 1, 2)
}

func TestPositionsThatAreNoOrdinalsAreRefused(t *testing.T) {
	l := open(t, crashfs.New(1), dir, ledger.Options{})
	for _, p := range []lake.Position{lake.Pos(1 << 48), {Seq: [3]uint64{0, 1, 1}}, {Seq: [3]uint64{2: 1}, Sub: 1}} {
		out := make([]lake.Outcome, 1)
		if err := l.Claim(t.Context(), "s", []lake.Claim{{Position: p}}, out); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("claim at %s: %v", p, err)
		}
		if err := l.Commit(t.Context(), lake.Commit{Shard: "s", Span: lake.Span{To: p}}); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("commit to %s: %v", p, err)
		}
	}
	for _, at := range []lake.Instant{-1, (1 << 32) * 1_000_000} {
		out := make([]lake.Outcome, 1)
		if err := l.Claim(t.Context(), "s", []lake.Claim{{Position: lake.Pos(1), Time: at}}, out); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("claim at %d: %v", at, err)
		}
	}
}

func TestLookupNamesTheOwner(t *testing.T) {
	l := open(t, somewhere(t, 1), dir, someOptions())
	for _, n := range []uint64{0, someCommits - 1} {
		c := someClaims(n)[3]
		o, found, err := l.Lookup(t.Context(), c.ID)
		want := ledger.Owner{Shard: "s", Position: c.Position, Time: 1_000_000, Fingerprint: 1, Committed: true}
		if err != nil || !found || o != want {
			t.Fatalf("owner %+v, %v, %v", o, found, err)
		}
	}
	if _, found, err := l.Lookup(t.Context(), lake.ID{1}); found || err != nil {
		t.Fatalf("found %v, %v", found, err)
	}
}

// restore builds the ledger of somewhere from its files.
func restore(t testing.TB, fsys disk.FS) (err error) {
	t.Helper()
	r, err := ledger.Restore(t.Context(), fsys, dir, someOptions())
	if err != nil {
		return err
	}
	if err := r.SetPosition("s", lake.Pos(10*someCommits)); err != nil {
		return err
	}
	for n := range uint64(someCommits) {
		if err := r.AddFile(someFile(n), someClaims(n)); err != nil {
			return errors.Join(err, r.Abort())
		}
	}
	r.AddTallies([]lake.Tally{{Book: lake.Book{Source: "x", Hour: 0}, Unique: 10 * someCommits}})
	r.AddNames([]lake.Name{{Type: "0", Subtype: "y"}, {Type: "1", Subtype: "y"}, {Type: "2", Subtype: "y"}})
	if err := r.Finish(t.Context()); err != nil {
		return errors.Join(err, r.Abort())
	}
	return nil
}

func TestRestoreReplacesADamagedLedger(t *testing.T) {
	want := open(t, somewhere(t, 1), dir, someOptions())
	for _, name := range []string{"", "snapshot", "log-0000000002"} {
		fsys := somewhere(t, 1)
		if name != "" {
			entries, err := fsys.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Name == "snapshot" || strings.HasPrefix(e.Name, name[:4]) {
					if err := fsys.Damage(filepath.Join(dir, e.Name), func(b []byte) []byte { return b[:len(b)/3] }); err != nil {
						t.Fatal(err)
					}
				}
			}
		} else {
			fsys = crashfs.New(1)
		}
		if err := restore(t, fsys); err != nil {
			t.Fatal(err)
		}
		fsys = fsys.Crash()
		if p := problems(t, fsys); len(p) > 0 {
			t.Fatalf("%v", p)
		}
		for range 2 {
			l := open(t, fsys, dir, someOptions())
			sameJournal(t, l, want)
			if err := allTaken(t, l, someCommits); err != nil {
				t.Fatal(err)
			}
			closed(t, l)
		}
		l := open(t, fsys, dir, someOptions())
		fillSome(t, l, someCommits, someCommits+20)
		fsys = fsys.Crash()
		l = open(t, fsys, dir, someOptions())
		if err := allTaken(t, l, someCommits+20); err != nil {
			t.Fatal(err)
		}
	}
}

func sameJournal(t testing.TB, got, want *ledger.Ledger) {
	t.Helper()
	a, err := got.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := want.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slices.Collect(a.Files("")), slices.Collect(b.Files(""))) ||
		!slices.Equal(a.Books(), b.Books()) || !slices.Equal(a.Names(), b.Names()) ||
		fmt.Sprint(a.Positions()) != fmt.Sprint(b.Positions()) {
		t.Fatal("the journals differ")
	}
}

// TestRestoreIsOneStep takes the power away at every operation of a restore of
// a whole ledger: what opens is a whole ledger.
func TestRestoreIsOneStep(t *testing.T) {
	for n := 1; ; n++ {
		fsys := somewhere(t, uint64(n))
		fsys.Inject(crashfs.Fault{N: fsys.Ops() + n, Halt: true, After: n%2 == 0})
		err := restore(t, fsys)
		fired := fsys.Fired() > 0
		if err != nil && !fired {
			t.Fatal(err)
		}
		fsys = fsys.Crash()
		l := open(t, fsys, dir, someOptions())
		if err := allTaken(t, l, someCommits); err != nil {
			t.Fatal(err)
		}
		fillSome(t, l, someCommits, someCommits+5)
		if !fired {
			break
		}
	}
}
