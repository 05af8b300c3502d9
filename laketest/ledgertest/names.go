package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/eventlake/lake"
)

// Names is the contract of lake.NameList for a ledger that has it.
func Names(t *testing.T, a Adapter) {
	for _, c := range []struct {
		name string
		test func(*life)
	}{
		{"a list grows and survives a restart", listGrows},
		{"of two that put names on a list one is stale", listStale},
		{"a list that does not grow is refused", listShrinks},
		{"many processes put each name on the list once", listConcurrent},
		{"a full list is kept", listFull},
		{"an ended context stops lists", listEnded},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(a.begin(t)) })
	}
}

// list is the ledger's list of names.
func (f *life) list() lake.NameList {
	f.t.Helper()
	l, ok := f.l.(lake.NameList)
	if !ok {
		f.t.Fatalf("%T keeps no names", f.l)
	}
	return l
}

func (f *life) set(n int, names ...lake.Name) {
	f.t.Helper()
	if err := f.list().SetNames(f.t.Context(), n, names); err != nil {
		f.t.Fatalf("set names: %v", err)
	}
}

func (f *life) listed(want ...lake.Name) {
	f.t.Helper()
	got, err := f.list().Names(f.t.Context())
	if err != nil || !slices.Equal(got, want) {
		f.t.Fatalf("%d names, %v, want %d: %.200v", len(got), err, len(want), got)
	}
}

func listGrows(f *life) {
	a, b, c := lake.Name{Type: "a", Subtype: "x"}, lake.Name{Type: "b", Subtype: "y"}, lake.Name{Type: "a", Subtype: "_-.9"}
	f.listed()
	f.set(0, b)
	f.listed(b)
	f.set(1, b, a, c)
	f.restart()
	f.listed(b, a, c)
}

func listStale(f *life) {
	a, b := lake.Name{Type: "a", Subtype: "x"}, lake.Name{Type: "b", Subtype: "y"}
	f.set(0, a)
	for _, n := range []int{0, 2} {
		if err := f.list().SetNames(f.t.Context(), n, []lake.Name{b, b, b}); !errors.Is(err, lake.ErrStale) {
			f.t.Errorf("behind %d: %v", n, err)
		}
	}
	f.listed(a)
}

func listShrinks(f *life) {
	a := lake.Name{Type: "a", Subtype: "x"}
	f.set(0, a)
	for _, names := range [][]lake.Name{nil, {a}} {
		if err := f.list().SetNames(f.t.Context(), 1, names); !errors.Is(err, lake.ErrInvalid) {
			f.t.Errorf("%v: %v", names, err)
		}
	}
	f.listed(a)
}

func listConcurrent(f *life) {
	const processes = 4
	each := f.many(10, 3)
	var wait sync.WaitGroup
	for p := range processes {
		l := f.list()
		wait.Go(func() {
			for n := 0; n < each; {
				known, err := l.Names(f.t.Context())
				if err == nil {
					err = l.SetNames(f.t.Context(), len(known), append(known, lake.Name{Type: fmt.Sprint(p), Subtype: fmt.Sprint(n)}))
				}
				if err == nil {
					n++
				} else if !errors.Is(err, lake.ErrStale) {
					f.t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	got, err := f.list().Names(f.t.Context())
	if err != nil || len(got) != processes*each {
		f.t.Fatalf("%d names, %v", len(got), err)
	}
	next := map[string]int{}
	for _, name := range got {
		if name.Subtype != fmt.Sprint(next[name.Type]) {
			f.t.Fatalf("%v is out of order in %v", name, got)
		}
		next[name.Type]++
	}
}

func listFull(f *life) {
	var names []lake.Name
	for bytes, n := 0, uint64(0); ; n++ {
		name := lake.Name{Type: fmt.Sprintf("%x%x", id(n), id(n+1<<32)), Subtype: fmt.Sprintf("%x", id(n+1<<33))}
		if bytes += name.Bytes(); bytes > lake.MaxNameBytes {
			break
		}
		names = append(names, name)
	}
	f.set(0, names[:1]...)
	f.set(1, names...)
	f.restart()
	f.listed(names...)
}

func listEnded(f *life) {
	ctx, cancel := context.WithCancel(f.t.Context())
	cancel()
	if err := f.list().SetNames(ctx, 0, []lake.Name{{Type: "a", Subtype: "x"}}); !errors.Is(err, context.Canceled) {
		f.t.Errorf("set names: %v", err)
	}
	if _, err := f.list().Names(ctx); !errors.Is(err, context.Canceled) {
		f.t.Errorf("names: %v", err)
	}
	f.listed()
}
