package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
)

// oddList is a list whose answers are lost, before or after their effect.
type oddList struct {
	lake.NameList
	mu   sync.Mutex
	rng  *rand.Rand // nil: no answer is lost
	asks int
}

var errLost = errors.New("the answer is lost")

func (l *oddList) lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asks++
	return l.rng != nil && l.rng.IntN(4) == 0
}

func (l *oddList) Names(ctx context.Context) ([]lake.Name, error) {
	if l.lost() {
		return nil, errLost
	}
	return l.NameList.Names(ctx)
}

func (l *oddList) SetNames(ctx context.Context, n int, names []lake.Name) error {
	before, after := l.lost(), l.lost()
	if before {
		return errLost
	}
	if err := l.NameList.SetNames(ctx, n, names); err != nil || !after {
		return err
	}
	return errLost
}

func named(t testing.TB, n *ingest.Names, name lake.Name) lake.Name {
	t.Helper()
	got, err := n.Resolve(t.Context(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestProcessesThatShareNamesAgree whenever they are asked, in whatever order,
// while answers get lost; and each that comes later agrees.
func TestProcessesThatShareNamesAgree(t *testing.T) {
	caps := ingest.Caps{Types: 5, Subtypes: 3}
	for seed := range uint64(10) {
		t.Logf("seed %d", seed)
		var list memory.Names
		var mu sync.Mutex
		answers := map[lake.Name]lake.Name{}
		note := func(name, got lake.Name) {
			mu.Lock()
			defer mu.Unlock()
			if before, ok := answers[name]; ok && before != got {
				t.Errorf("%v is %v and %v", name, before, got)
			}
			answers[name] = got
		}
		var wait sync.WaitGroup
		for process := range uint64(4) {
			rng := rand.New(rand.NewPCG(seed, process))
			names := ingest.NewSharedNames(caps, &oddList{NameList: &list, rng: rand.New(rand.NewPCG(process, seed))})
			wait.Go(func() {
				for range 300 {
					name := lake.Name{Type: fmt.Sprint("t", rng.IntN(10)), Subtype: fmt.Sprint("s", rng.IntN(6))}
					if rng.IntN(20) == 0 {
						name.Type = lake.OtherName
					}
					if rng.IntN(20) == 0 {
						name.Subtype = lake.OtherName
					}
					if got, err := names.Resolve(t.Context(), name, nil); err == nil {
						note(name, got)
					} else if !errors.Is(err, errLost) {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		late := ingest.NewSharedNames(caps, &list)
		types := map[string]map[string]bool{}
		for name := range answers {
			got := named(t, late, name)
			note(name, got)
			if types[got.Type] == nil {
				types[got.Type] = map[string]bool{}
			}
			types[got.Type][got.Subtype] = true
		}
		if len(types) > caps.Types+1 {
			t.Errorf("%d types", len(types))
		}
		for typ, subtypes := range types {
			if len(subtypes) > caps.Subtypes+1 {
				t.Errorf("%d subtypes of %s", len(subtypes), typ)
			}
		}
	}
}

// TestTenThousandTypesAreFewPartitions, and the list is asked for as often as
// there are new names, not for those beyond the caps.
func TestTenThousandTypesAreFewPartitions(t *testing.T) {
	list := &oddList{NameList: &memory.Names{}}
	names := ingest.NewSharedNames(ingest.Caps{Types: 20, Subtypes: 4}, list)
	got := map[string]int{}
	for i := range 10_000 {
		got[named(t, names, lake.Name{Type: fmt.Sprint("t", i), Subtype: "x"}).Type]++
	}
	if len(got) != 21 || got[lake.OtherName] != 10_000-20 {
		t.Errorf("%d types, %d events of others", len(got), got[lake.OtherName])
	}
	if list.asks > 3*20 {
		t.Errorf("the list was asked %d times", list.asks)
	}
}

// TestAListThatIsFullAdmitsNothingMore, be it shorter than what was refused.
func TestAListThatIsFullAdmitsNothingMore(t *testing.T) {
	var list memory.Names
	names := ingest.NewSharedNames(ingest.Caps{Types: 1 << 20, Subtypes: 1 << 20}, &list)
	typ := func(i int) lake.Name { return lake.Name{Type: fmt.Sprintf("%064d", i), Subtype: "x"} }
	var more []lake.Name
	for i := range 5000 {
		more = append(more, typ(i))
	}
	if _, err := names.Resolve(t.Context(), typ(0), slices.Values(more)); err != nil {
		t.Fatal(err)
	}
	kept, err := list.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, name := range kept {
		bytes += name.Bytes()
	}
	if bytes > lake.MaxNameBytes || bytes < lake.MaxNameBytes-512 {
		t.Errorf("%d bytes of %d", bytes, lake.MaxNameBytes)
	}
	for name, want := range map[lake.Name]lake.Name{
		typ(0): typ(0), typ(4999): {Type: lake.OtherName, Subtype: lake.OtherName}, {Type: "a", Subtype: "b"}: {Type: lake.OtherName, Subtype: lake.OtherName},
		{Type: typ(0).Type, Subtype: "y"}: {Type: typ(0).Type, Subtype: lake.OtherName},
	} {
		if got := named(t, names, name); got != want {
			t.Errorf("%v is %v", name, got)
		}
	}
	if again, err := list.Names(t.Context()); err != nil || len(again) != len(kept) {
		t.Errorf("%d names, %d were kept, %v", len(again), len(kept), err)
	}
}

// TestABatchWhoseNamesAreUnknownComesAgain: nothing of it is kept before.
func TestABatchWhoseNamesAreUnknownComesAgain(t *testing.T) {
	h := newHanding(t)
	list := &oddList{NameList: &memory.Names{}, rng: rand.New(rand.NewPCG(1, 2))}
	gz, err := raw.NewCompressor(h.store, 1)
	if err != nil {
		t.Fatal(err)
	}
	names := ingest.NewSharedNames(ingest.Caps{Types: 1, Subtypes: 2}, list)
	h.handed = ingest.NewHanded(func(shard lake.ShardID) *ingest.Core {
		return ingest.NewCore(shard, h.ledger, sources, names, h.sink, gz, raw.NewMemory(1<<20))
	}, h.receipts)
	for failed := 0; ; failed++ {
		n, _, err := h.handed.Settle(t.Context(), "shard-7", mixed())
		if err == nil {
			if failed == 0 {
				t.Error("no answer was lost")
			}
			break
		}
		if n != 0 || len(h.sink.lines) != 0 || len(h.receipts) != 0 || !errors.Is(err, errLost) {
			t.Fatalf("%d settled, %d lines, %v", n, len(h.sink.lines), err)
		}
	}
	if sum := h.receipts.sum(); sum.Unique != 4 || sum.Duplicate != 1 || sum.Quarantined != 2 {
		t.Errorf("%+v", sum)
	}
}
