package curate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
)

// sorted makes a day of one sorted file with several row groups, and returns
// its ids by the hour of their events.
func (r *rig) sorted() (f lake.DataFile, hours map[lake.Instant]map[lake.ID]bool) {
	r.t.Helper()
	hours = map[lake.Instant]map[lake.ID]bool{}
	midnight := start.Day().Start()
	for i := range 12 {
		var list []event
		for k := range 1000 {
			at := midnight.Add(time.Duration((i+k)%12) * time.Hour)
			list = append(list, event{body: fmt.Sprintf(`{"n":%d}`, 1000*i+k), created: at})
			if hours[at] == nil {
				hours[at] = map[lake.ID]bool{}
			}
			hours[at][idOf(list[k].body)] = true
		}
		r.span(list...)
		r.once()
	}
	small := func(c *curate.Config) { c.Limits.Memory = 64 << 10 }
	if _, err := r.curator(small).Compact(context.Background(), curate.CompactOptions{Full: true}); err != nil {
		r.t.Fatal(err)
	}
	files := r.table("order").Files
	if len(files) != 1 || files[0].Rows != 12_000 {
		r.t.Fatalf("%+v", files)
	}
	return files[0], hours
}

func TestIDsOfTheRowGroupsThatAreChosen(t *testing.T) {
	r := newRig(t)
	file, hours := r.sorted()
	footer, _, _ := r.anatomy(file)
	store := &counted{Store: r.store}
	for hour, want := range hours {
		got, groups, read := map[lake.ID]bool{}, 0, 0
		store.reset()
		err := curate.IDs(t.Context(), store, file, func(g *curate.Group) (bool, error) {
			groups++
			if g.First > hour || g.Last < hour {
				return false, nil
			}
			read += g.Rows
			return true, nil
		}, func(id lake.ID) { got[id] = true })
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(got, func(id lake.ID, _ bool) bool { return !want[id] })
		if !maps.Equal(got, want) {
			t.Fatalf("%d of the %d ids of %s were given", len(got), len(want), hour)
		}
		if groups < 6 || read > 12_000/2 {
			t.Fatalf("%d rows were read for %d, of %d groups", read, len(want), groups)
		}
		// The footer is read twice, and pages have headers.
		if ids, n := int64(16*read), store.bytes.Load(); n < ids || n > ids+2*footer+100*int64(groups) {
			t.Fatalf("%d bytes were read for %d of ids and a footer of %d", n, ids, footer)
		}
	}
}

// TestARowGroupMayHoldAnID that it has, and hardly any other; one of a file
// without filters may hold all.
func TestARowGroupMayHoldAnID(t *testing.T) {
	r := newRig(t)
	file, _ := r.sorted()
	ask := func(f lake.DataFile, ids ...lake.ID) (groups, may int) {
		t.Helper()
		err := curate.IDs(t.Context(), r.store, f, func(g *curate.Group) (bool, error) {
			ok, err := g.MayHold(ids)
			if groups++; ok {
				may++
			}
			return false, err
		}, func(lake.ID) { t.Error("an id of a row group that was not chosen") })
		if err != nil {
			t.Fatal(err)
		}
		return groups, may
	}
	known, strange := idOf(`{"n":7}`), idOf("strange")
	if groups, may := ask(file, strange, known); may != 1 {
		t.Errorf("%d of %d groups may hold an id", may, groups)
	}
	if groups, may := ask(file, strange); may != 0 {
		t.Errorf("%d of %d groups may hold an id that none has", may, groups)
	}
	r.rewrite(func(int) bool { return false })
	if groups, may := ask(r.table("order").Files[0], strange); may != groups || groups == 0 {
		t.Errorf("%d of %d groups without filters may hold an id", may, groups)
	}
}

// TestAFileWithoutFiltersGivesTheSameIDs, and so does one with.
func TestAFileWithoutFiltersGivesTheSameIDs(t *testing.T) {
	r := newRig(t)
	_, hours := r.sorted()
	for _, filtered := range []bool{true, false} {
		r.rewrite(func(int) bool { return filtered })
		got := 0
		all := func(*curate.Group) (bool, error) { return true, nil }
		err := curate.IDs(t.Context(), r.store, r.table("order").Files[0], all, func(id lake.ID) {
			for _, ids := range hours {
				if ids[id] {
					got++
				}
			}
		})
		if err != nil || got != 12_000 {
			t.Errorf("%d ids, %v", got, err)
		}
	}
}

func TestDamageAnywhereInAFileIsSeenWhenItIsReadWhole(t *testing.T) {
	r := newRig(t)
	file, _ := r.sorted()
	if err := curate.Whole(t.Context(), r.store, file); err != nil {
		t.Fatal(err)
	}
	good := r.read(file.Key)
	for at := 0; at < len(good); at += len(good) / 50 {
		bad := append([]byte(nil), good...)
		bad[at] ^= 0x10
		r.replace(file.Key, bad)
		if err := curate.Whole(t.Context(), r.store, file); !errors.Is(err, lake.ErrCorrupt) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	r.replace(file.Key, good[:len(good)-1])
	if err := curate.Whole(t.Context(), r.store, file); !errors.Is(err, lake.ErrCorrupt) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := curate.Whole(ctx, r.store, file); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestDamagedIDsAreNeverGiven: what is read of a file has its own checksums.
func TestDamagedIDsAreNeverGiven(t *testing.T) {
	r := newRig(t)
	file, hours := r.sorted()
	good, seen := r.read(file.Key), 0
	for at := 0; at < len(good); at += len(good) / 300 {
		bad := append([]byte(nil), good...)
		bad[at] ^= 0x10
		r.replace(file.Key, bad)
		n := 0
		err := curate.IDs(t.Context(), r.store, file, func(*curate.Group) (bool, error) { return true, nil }, func(id lake.ID) {
			for _, ids := range hours {
				if ids[id] {
					n++
				}
			}
		})
		switch {
		case errors.Is(err, lake.ErrCorrupt):
			seen++
		case err != nil || n != 12_000: // damage elsewhere
			t.Errorf("byte %d: %d ids, %v", at, n, err)
		}
	}
	if seen == 0 {
		t.Error("no damage was seen")
	}
}
