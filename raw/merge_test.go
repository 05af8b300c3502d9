package raw_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// noise is text that gzip hardly shrinks.
func noise(rng *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%016x", rng.Uint64())
	}
	return b.String()[:n]
}

// Files of many sizes are merged by size, so a group leaves out files between
// its first and its last; groups of as many files between the same ends come
// again and again.
func TestMergingFilesOfManySizesKeepsEveryLine(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		k := newKit(t)
		const files = 60
		for n := range uint64(files) {
			k.writeBody(t, n, n+1, `{"event_uuid":"1","event_name":"account:open","created_at":"2026-01-01T00:00:00Z","pad":"`+noise(rng, 1<<rng.IntN(14))+`"}`)
			curated := map[lake.ShardID]lake.Position{"shard-000": lake.Pos(n + 1)}
			if _, err := raw.Merge(t.Context(), k.ledger, k.store, curated, raw.MergeOptions{Files: 2 + int(seed%3)}); err != nil {
				t.Fatalf("seed %d, file %d: %v", seed, n, err)
			}
			k.readsWhole(t, seed, n+1)
		}
	}
}

// readsWhole reads the live files: every position up to last is there once.
func (k kit) readsWhole(t *testing.T, seed, last uint64) {
	t.Helper()
	journal, err := k.ledger.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for f := range journal.Files(lake.KindRaw) {
		err := raw.NewReader(k.store, nil).EachLine(t.Context(), f, func(line []byte) error {
			var fields raw.Fields
			_, err := raw.Split(line[:len(line)-1], &fields)
			at, _ := fields.Position.Uint64()
			got = append(got, at)
			return err
		})
		if err != nil {
			t.Fatalf("seed %d, after file %d: %v", seed, last, err)
		}
	}
	slices.Sort(got)
	for i, at := range got {
		if at != uint64(i)+1 {
			t.Fatalf("seed %d, after file %d: positions %v", seed, last, got)
		}
	}
	if uint64(len(got)) != last {
		t.Fatalf("seed %d: %d lines of %d", seed, len(got), last)
	}
}

// deaf is a ledger whose commits fail.
type deaf struct{ lake.Ledger }

func (deaf) Commit(context.Context, lake.Commit) error { return errors.New("no answer") }

// A merge that a crash ended before its commit is done again over its leftover.
func TestAMergeIsRepeatedOverItsLeftover(t *testing.T) {
	k := newKit(t)
	k.write(t, 0, 3)
	k.write(t, 3, 6)
	curated := map[lake.ShardID]lake.Position{"shard-000": lake.Pos(6)}
	for range 2 {
		if _, err := raw.Merge(t.Context(), deaf{k.ledger}, k.store, curated, raw.MergeOptions{Files: 2}); err == nil {
			t.Fatal("committed")
		}
	}
	if done, err := raw.Merge(t.Context(), k.ledger, k.store, curated, raw.MergeOptions{Files: 2}); err != nil || done.To != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	k.readsWhole(t, 0, 6)
	n := 0
	for _, err := range k.store.List(t.Context(), raw.Root) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 3 {
		t.Errorf("%d objects, want 2 and what they were merged into", n)
	}
}

// A file that is missing and one that is damaged hold up neither the other files
// of their partitions nor other partitions.
func TestAFileThatCannotBeMergedHoldsUpNoOther(t *testing.T) {
	k := newKit(t)
	var files []lake.File
	for n := range uint64(12) { // days take turns, so that each is a group
		body := fmt.Sprintf(`{"event_uuid":"%d","event_name":"account:open","created_at":"2026-01-01T00:00:00Z","pad":"%s"}`, n, strings.Repeat("x", 40))
		files = append(files, k.writeDay(t, received.Day()+lake.Day(n%3), n, n+1, body))
	}
	missing, damaged := files[0], files[4] // of the first two days
	if err := k.store.Delete(t.Context(), missing.Key); err != nil {
		t.Fatal(err)
	}
	if err := k.store.Delete(t.Context(), damaged.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := k.gzip.Create(t.Context(), damaged.Key, []byte("something else\n")); err != nil {
		t.Fatal(err)
	}
	curated := map[lake.ShardID]lake.Position{"shard-000": lake.Pos(12)}
	for try := range 2 {
		done, err := raw.Merge(t.Context(), k.ledger, k.store, curated, raw.MergeOptions{Files: 3})
		if want := [][2]int{{3, 10}, {0, 0}}[try]; done.To != want[0] || done.From != want[1] {
			t.Errorf("try %d: merged %d into %d, want %d into %d", try, done.From, done.To, want[1], want[0])
		}
		if try == 1 {
			break // two a day are not enough: nobody looks at the two any more
		}
		if !errors.Is(err, lake.ErrNotFound) || !errors.Is(err, lake.ErrCorrupt) {
			t.Errorf("error %v", err)
		}
		for _, f := range []lake.File{missing, damaged} {
			if n := strings.Count(fmt.Sprint(err), string(f.Key)); n != 1 {
				t.Errorf("%s is named %d times in: %v", f.Key, n, err)
			}
		}
	}
	journal, err := k.ledger.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	live := slices.Collect(journal.Files(lake.KindRaw))
	if len(live) != 5 || !slices.Contains(live, missing) || !slices.Contains(live, damaged) {
		t.Errorf("live are %v", live)
	}
}
