package arrivals_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	"github.com/eventlake/lake/laketest/memory"
)

var noon = lake.InstantOf(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))

func object(n int) lake.Info {
	return lake.Info{
		Key:   lake.Key(fmt.Sprintf("raw/event_type=account/event_subtype=created/year=2026/month=06/day=01/delivery-1-%03d.gz", n)),
		Bytes: 100, Time: noon + lake.Instant(n),
	}
}

func objects(from, to int) (out []lake.Info) {
	for n := from; n < to; n++ {
		out = append(out, object(n))
	}
	return out
}

func files(t *testing.T, ledger lake.Ledger) []lake.File {
	t.Helper()
	j, err := ledger.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(j.Files(""))
}

func register(t *testing.T, ledger lake.Ledger, in []lake.Info) arrivals.Report {
	t.Helper()
	r, err := arrivals.Register(t.Context(), ledger, in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestObjectsBecomeFilesInTheOrderOfTheirTimes(t *testing.T) {
	ledger := memory.NewLedger(time.Hour)
	in := objects(0, 3)
	slices.Reverse(in)
	if r := register(t, ledger, in); r.Added != 3 {
		t.Fatalf("%+v", r)
	}
	for i, f := range files(t, ledger) {
		want := lake.Span{After: lake.Pos(uint64(i)), To: lake.Pos(uint64(i + 1))}
		if f.Key != object(i).Key || f.Span != want || f.Shard != arrivals.Shard || f.Kind != lake.KindRaw || f.Vouched() ||
			f.Partition.Type != "account" || f.Partition.Subtype != "created" || f.Partition.Day.String() != "2026-06-01" {
			t.Fatalf("file %d is %+v", i, f)
		}
	}
}

func TestAnObjectThatIsToldTwiceIsOneFile(t *testing.T) {
	ledger := memory.NewLedger(time.Hour)
	register(t, ledger, objects(0, 3))
	r := register(t, ledger, append(objects(1, 5), objects(4, 5)...))
	if r.Added != 2 || r.Known != 2 || len(files(t, ledger)) != 5 {
		t.Fatalf("%+v, %d files", r, len(files(t, ledger)))
	}
}

// TestAnObjectThatIsToldAgainAfterOthersIsOneFile: it was written anew between
// two notifications of one batch.
func TestAnObjectThatIsToldAgainAfterOthersIsOneFile(t *testing.T) {
	ledger := memory.NewLedger(time.Hour)
	anew := object(0)
	anew.Bytes, anew.Time = 120, anew.Time.Add(5*time.Minute)
	if r := register(t, ledger, append(objects(0, 3), anew)); r.Added != 3 {
		t.Fatalf("%+v", r)
	}
	got := files(t, ledger)
	if len(got) != 3 || got[2].Key != anew.Key || got[2].Bytes != anew.Bytes || got[2].Received != anew.Time {
		t.Fatalf("%+v", got)
	}
	if r := register(t, ledger, append(objects(0, 3), anew)); r.Added != 0 || len(files(t, ledger)) != 3 {
		t.Fatalf("told once more: %+v", r)
	}
}

func TestForeignKeysAreLeftAlone(t *testing.T) {
	ledger := memory.NewLedger(time.Hour)
	foreign := []lake.Info{
		{Key: "raw/x.gz", Bytes: 1}, {Key: "failed/firehose/x.gz", Bytes: 1}, {Key: "tables/account/data/x.parquet", Bytes: 1},
		{Key: "raw/event_type=a/event_subtype=b/year=2026/month=13/day=01/x.gz", Bytes: 1},
		{Key: "raw/event_type=a/event_subtype=../year=2026/month=01/day=01/x.gz", Bytes: 0},
	}
	r := register(t, ledger, foreign)
	if len(r.Foreign) != len(foreign) || len(files(t, ledger)) != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestManyRegistersAtOnceAddEachObjectOnce(t *testing.T) {
	ledger := memory.NewLedger(time.Hour)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := arrivals.Register(context.Background(), ledger, objects(0, 40)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	seen := map[lake.Key]int{}
	for _, f := range files(t, ledger) {
		seen[f.Key]++
	}
	if len(seen) != 40 || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
		t.Fatalf("%d objects: %v", len(seen), seen)
	}
}

func TestMoreThanACommitHolds(t *testing.T) {
	ledger := memory.NewLedger(time.Hour)
	if r := register(t, ledger, objects(0, 2500)); r.Added != 2500 {
		t.Fatalf("%+v", r)
	}
	if at, err := ledger.Position(t.Context(), arrivals.Shard); err != nil || at != lake.Pos(2500) {
		t.Fatal(at, err)
	}
}

// upTo is a mark of the arrivals.
func upTo(p lake.Position) map[lake.ShardID]lake.Position {
	return map[lake.ShardID]lake.Position{arrivals.Shard: p}
}

// Workers commit files themselves: the ledger would grow with every flush.
func TestWhatWorkersHaveCommittedIsForgottenADayAfterItIsInItsTable(t *testing.T) {
	ledger := memory.NewLedger(time.Hour)
	for n := range uint64(6) {
		shard := lake.ShardID(fmt.Sprint("shardId-", n%2))
		span := lake.Span{After: lake.Pos(n / 2 * 10), To: lake.Pos(n/2*10 + 10)}
		f := lake.File{Key: object(int(n)).Key, Kind: lake.KindRaw, Shard: shard, Span: span, Events: 10, Bytes: 100, Received: noon}
		if n == 3 {
			f.Kind = lake.KindQuarantine
		}
		book := lake.Tally{Book: lake.Book{Source: "web", Type: "account", Hour: noon.Hour()}, Unique: 10}
		if err := ledger.Commit(t.Context(), lake.Commit{Shard: shard, Span: span, Add: []lake.File{f}, Books: []lake.Tally{book}}); err != nil {
			t.Fatal(err)
		}
	}
	register(t, ledger, objects(10, 11))
	curated := map[lake.ShardID]lake.Position{"shardId-0": lake.Pos(10), "shardId-1": lake.Pos(29), arrivals.Shard: lake.Pos(1)}
	if n, err := arrivals.Forget(t.Context(), ledger, curated, noon.Add(23*time.Hour)); err != nil || n != 0 {
		t.Fatal("young files were forgotten", n, err)
	}
	if n, err := arrivals.Forget(t.Context(), ledger, curated, noon.Add(25*time.Hour)); err != nil || n != 3 {
		t.Fatal(n, err)
	}
	var left []lake.Key
	for _, f := range files(t, ledger) {
		left = append(left, f.Key)
	}
	slices.Sort(left)
	if want := []lake.Key{object(2).Key, object(4).Key, object(5).Key, object(10).Key}; !slices.Equal(left, want) {
		t.Errorf("%v is left, want %v", left, want)
	}
	j, err := ledger.Journal(t.Context())
	if err != nil || j.Books()[0].Unique != 60 || j.Positions()["shardId-0"] != lake.Pos(30) {
		t.Errorf("%v: books %+v, positions %v", err, j.Books(), j.Positions())
	}
}

func TestWhatIsInItsTableAndOldIsForgotten(t *testing.T) {
	ledger := memory.NewLedger(time.Hour)
	register(t, ledger, objects(0, 10))
	later := noon + lake.Instant((3 * arrivals.Window).Microseconds())
	n, err := arrivals.Forget(t.Context(), ledger, upTo(lake.Pos(6)), later)
	if err != nil || n != 6 || len(files(t, ledger)) != 4 {
		t.Fatal(n, err, len(files(t, ledger)))
	}
	if n, err := arrivals.Forget(t.Context(), ledger, upTo(lake.Pos(10)), noon); err != nil || n != 0 {
		t.Fatal("young files were forgotten", n, err)
	}
	if r := register(t, ledger, objects(10, 11)); r.Added != 1 || files(t, ledger)[4].Span.To != lake.Pos(11) {
		t.Fatal("positions did not go on")
	}
}

func TestFindListsWhatWasWrittenInTheWindow(t *testing.T) {
	store := memory.NewStore()
	for _, key := range []lake.Key{object(1).Key, "quarantine/day=2026-06-01/x.gz", "tables/a/data/b.parquet"} {
		if _, err := store.Create(t.Context(), key, func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }); err != nil {
			t.Fatal(err)
		}
	}
	found, finished, err := arrivals.Find(t.Context(), store, lake.InstantOf(time.Now()))
	if err != nil || len(found) != 2 || !finished {
		t.Fatal(found, finished, err)
	}
	found, finished, err = arrivals.Find(t.Context(), store, lake.InstantOf(time.Now().Add(2*arrivals.Window)))
	if err != nil || len(found) != 0 || !finished {
		t.Fatal(found, finished, err)
	}
}

// broken is a store whose listing ends with the call after some objects.
type broken struct {
	*memory.Store
	cancel context.CancelFunc
	left   int
}

func (b *broken) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		for info, err := range b.Store.List(ctx, prefix) {
			if strings.HasPrefix(string(prefix), "raw/") {
				if b.left--; b.left < 0 {
					b.cancel()
				}
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func (b *broken) ListAfter(ctx context.Context, prefix, after lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		for info, err := range b.List(ctx, prefix) {
			if info.Key <= after {
				b.left++
			} else if !yield(info, err) {
				return
			}
		}
	}
}

// TestFindGoesOnWhereItWas round and round, in whatever process.
func TestFindGoesOnWhereItWas(t *testing.T) {
	store := memory.NewStore()
	put(t, store, objects(0, 5))
	for range 2 {
		var rounds [][]lake.Key
		for finished := false; !finished; {
			ctx, cancel := context.WithCancel(t.Context())
			found, end, err := arrivals.Find(ctx, &broken{store, cancel, 2}, lake.InstantOf(time.Now()))
			cancel()
			if err != nil || len(rounds) > 5 {
				t.Fatal(err, rounds)
			}
			var keys []lake.Key
			for _, o := range found {
				keys = append(keys, o.Key)
			}
			rounds, finished = append(rounds, keys), end
		}
		want := [][]lake.Key{{object(0).Key, object(1).Key}, {object(2).Key, object(3).Key}, {object(4).Key}}
		if !reflect.DeepEqual(rounds, want) {
			t.Fatalf("%v, want %v", rounds, want)
		}
	}
}

func put(t *testing.T, store lake.Store, in []lake.Info) {
	t.Helper()
	for _, o := range in {
		if _, err := store.Create(t.Context(), o.Key, func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheWholeHasEveryObjectOnceWhileSomeArrive: what is registered or
// forgotten after the listing, and what is written after it.
func TestTheWholeHasEveryObjectOnceWhileSomeArrive(t *testing.T) {
	ledger, store := memory.NewLedger(time.Hour), memory.NewStore()
	put(t, store, objects(0, 6))
	register(t, ledger, objects(0, 3))
	whole := &arrivals.Whole{Ledger: ledger, Store: store}
	count := func(want int) {
		t.Helper()
		j, err := whole.Journal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[lake.Key]int{}
		for f := range j.Files("") {
			seen[f.Key]++
		}
		if len(seen) != want || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
			t.Fatalf("%d objects, want %d: %v", len(seen), want, seen)
		}
	}
	count(6)
	register(t, ledger, objects(2, 5))
	count(6)
	later := noon + lake.Instant((3 * arrivals.Window).Microseconds())
	if n, err := arrivals.Forget(t.Context(), ledger, upTo(lake.Pos(2)), later); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	count(6)
	put(t, store, objects(6, 8))
	register(t, ledger, objects(5, 8))
	count(8)
}

func TestTheWholeHasWhatWasForgottenAndWhatIsNotRegistered(t *testing.T) {
	ledger, store := memory.NewLedger(time.Hour), memory.NewStore()
	put(t, store, objects(0, 4))
	register(t, ledger, objects(0, 3))
	later := noon + lake.Instant((3 * arrivals.Window).Microseconds())
	if n, err := arrivals.Forget(t.Context(), ledger, upTo(lake.Pos(1)), later); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	j, err := (&arrivals.Whole{Ledger: ledger, Store: store}).Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []lake.Key
	for f := range j.Files(lake.KindRaw) {
		got = append(got, f.Key)
		if f.MinTime.String() != "2026-06-01T00:00:00.000000Z" || f.MaxTime.String() != "2026-06-01T23:59:59.999999Z" {
			t.Errorf("%s spans %s to %s", f.Key, f.MinTime, f.MaxTime)
		}
	}
	if want := []lake.Key{object(0).Key, object(3).Key, object(1).Key, object(2).Key}; !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for range j.Files(lake.KindQuarantine) {
		t.Fatal("a raw object is no quarantine file")
	}
}

// TestTheWholeLeavesOutWhatIsSetAside until it is written anew: a rebuild would
// stop at it.
func TestTheWholeLeavesOutWhatIsSetAside(t *testing.T) {
	ledger, store, now := memory.NewLedger(time.Hour), memory.NewStore(), lake.InstantOf(time.Now())
	put(t, store, objects(0, 2)) // "x" is no gzip
	register(t, ledger, objects(0, 2))
	aside, err := arrivals.SetAside(t.Context(), ledger, store, memory.NewCatalog(), now.Add(time.Minute))
	if err != nil || len(aside) != 2 || len(files(t, ledger)) != 0 {
		t.Fatal(aside, err)
	}
	for want, keys := range [][]lake.Key{nil, {object(1).Key}} {
		if settled, err := arrivals.Settle(t.Context(), store, keys); err != nil || len(settled) != want {
			t.Fatal(settled, err)
		}
		j, err := (&arrivals.Whole{Ledger: ledger, Store: store}).Journal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(j.Files("")); len(got) != want {
			t.Fatalf("%v", got)
		}
	}
}
