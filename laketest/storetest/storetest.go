// Package storetest holds the contract of lake.Store as a test suite. Every
// adapter runs it.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventlake/lake"
)

// Start makes an empty store. again returns the store as the next process
// finds it.
type Start func(t *testing.T) (first lake.Store, again func() lake.Store)

type life struct {
	t     *testing.T
	s     lake.Store
	again func() lake.Store
}

// Suite is the contract of lake.Store.
func Suite(t *testing.T, start Start) {
	for _, c := range []struct {
		name string
		test func(*life)
	}{
		{"what was created can be read, also after a restart", createAndRead},
		{"objects of all sizes", sizes},
		{"keys as the lake uses them", usualKeys},
		{"keys that are no safe relative path are refused", badKeys},
		{"nothing is visible when writing fails", failedWrite},
		{"the same bytes again are fine", sameBytes},
		{"other bytes under the same key are refused", otherBytes},
		{"nothing is visible before it is whole", notBeforeWhole},
		{"a missing object is not found", missing},
		{"lists are sorted by key and cut by prefix", lists},
		{"a list can be left early", listStops},
		{"deleting twice is fine", deletes},
		{"concurrent creates of one key agree", concurrentCreates},
		{"creates and deletes beside each other", createBesideDelete},
		{"an ended context stops calls", endedContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &life{t: t}
			f.s, f.again = start(t)
			c.test(f)
		})
	}
}

func writing(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

func (f *life) create(key lake.Key, data string) lake.Info {
	f.t.Helper()
	info, err := f.s.Create(f.t.Context(), key, writing([]byte(data)))
	if err != nil {
		f.t.Fatalf("create %s: %v", key, err)
	}
	if info.Key != key || info.Bytes != int64(len(data)) || info.CRC != crc32.Checksum([]byte(data), crc32.MakeTable(crc32.Castagnoli)) {
		f.t.Fatalf("create %s: info %+v", key, info)
	}
	return info
}

func (f *life) read(key lake.Key, want string) {
	f.t.Helper()
	o, err := f.s.Open(f.t.Context(), key)
	if err != nil {
		f.t.Fatalf("open %s: %v", key, err)
	}
	if o.Size() != int64(len(want)) {
		f.t.Errorf("%s has size %d, want %d", key, o.Size(), len(want))
	}
	got, err := io.ReadAll(o)
	if err != nil || string(got) != want {
		f.t.Errorf("%s reads %d bytes, %v; want %d", key, len(got), err, len(want))
	}
	if n := len(want); n > 2 {
		part := make([]byte, n-2)
		if _, err := o.ReadAt(part, 1); err != nil || string(part) != want[1:n-1] {
			f.t.Errorf("%s at byte 1 reads %v", key, err)
		}
		if k, err := o.ReadAt(part, int64(n-2)); k != min(2, n-2) || k < len(part) && !errors.Is(err, io.EOF) || string(part[:k]) != want[n-2:n-2+k] {
			f.t.Errorf("%s at its last two bytes reads %d, %v", key, k, err)
		}
	}
	if err := o.Close(); err != nil {
		f.t.Error(err)
	}
}

func (f *life) absent(key lake.Key) {
	f.t.Helper()
	o, err := f.s.Open(f.t.Context(), key)
	if err == nil {
		f.t.Fatal(errors.Join(fmt.Errorf("%s exists", key), o.Close()))
	}
	if !errors.Is(err, lake.ErrNotFound) {
		f.t.Fatalf("open %s: %v", key, err)
	}
	f.named(key, err)
}

// named wants an error to name the object.
func (f *life) named(key lake.Key, err error) {
	f.t.Helper()
	if !strings.Contains(err.Error(), " "+string(key)+":") {
		f.t.Errorf("%s is not named: %v", key, err)
	}
}

func (f *life) list(prefix lake.Key, want ...lake.Key) {
	f.t.Helper()
	var got []lake.Key
	for info, err := range f.s.List(f.t.Context(), prefix) {
		if err != nil {
			f.t.Fatalf("list %q: %v", prefix, err)
		}
		if info.Time <= 0 {
			f.t.Errorf("%s has time %s", info.Key, info.Time)
		}
		got = append(got, info.Key)
	}
	if !slices.Equal(got, want) {
		f.t.Fatalf("list %q: %v, want %v", prefix, got, want)
	}
}

func createAndRead(f *life) {
	f.create("raw/a/1", "hello")
	f.read("raw/a/1", "hello")
	f.s = f.again()
	f.read("raw/a/1", "hello")
	f.list("", "raw/a/1")
}

func sizes(f *life) {
	for _, n := range []int{0, 1, 4096, 1<<16 - 1, 1 << 16, 1<<20 + 7} {
		data := string(bytes.Repeat([]byte("x7"), n/2+1)[:n])
		key := lake.Key(fmt.Sprintf("size/%d", n))
		f.create(key, data)
		f.read(key, data)
	}
	info, err := f.s.Create(f.t.Context(), "size/pieces", func(w io.Writer) error {
		for i := range 100_000 {
			if _, err := fmt.Fprintf(w, "%d,", i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || info.Bytes != 588_890 {
		f.t.Fatalf("pieces: %+v %v", info, err)
	}
	for info, err := range f.s.List(f.t.Context(), "size/pieces") {
		if err != nil || info.Bytes != 588_890 {
			f.t.Fatalf("list: %+v %v", info, err)
		}
	}
}

func usualKeys(f *life) {
	keys := []lake.Key{
		"a", "A/b", "tables/account/metadata/00001-0d2f.metadata.json",
		"raw/event_type=account/event_subtype=a.b-c_d/year=2026/month=01/day=02/part-shard-000-1-20.ndjson.gz",
		"raw/event_type=%2e%2e/x", "x/" + lake.Key(strings.Repeat("n", 200)), "x+y@z~1,2",
	}
	for _, k := range keys {
		f.create(k, string(k))
	}
	f.s = f.again()
	for _, k := range keys {
		f.read(k, string(k))
	}
	slices.Sort(keys)
	f.list("", keys...)
}

func badKeys(f *life) {
	ctx := f.t.Context()
	for _, k := range []lake.Key{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\x00b", "a\\b", "a\nb"} {
		if _, err := f.s.Create(ctx, k, writing([]byte("x"))); !errors.Is(err, lake.ErrInvalid) {
			f.t.Errorf("create %q: %v", k, err)
		}
		if o, err := f.s.Open(ctx, k); !errors.Is(err, lake.ErrInvalid) {
			f.t.Errorf("open %q: %v, %v", k, o, err)
		}
		if err := f.s.Delete(ctx, k); !errors.Is(err, lake.ErrInvalid) {
			f.t.Errorf("delete %q: %v", k, err)
		}
	}
	f.list("")
	f.list("../")
	f.list("a/../")
}

func failedWrite(f *life) {
	broken := errors.New("broken")
	_, err := f.s.Create(f.t.Context(), "a/b", func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 200_000)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		f.t.Fatalf("create: %v", err)
	}
	f.absent("a/b")
	f.list("")
	f.s = f.again()
	f.absent("a/b")
	f.create("a/b", "now")
	f.read("a/b", "now")
}

func sameBytes(f *life) {
	f.create("k", "same")
	f.create("k", "same")
	f.s = f.again()
	f.create("k", "same")
	f.read("k", "same")
	f.list("", "k")
}

func otherBytes(f *life) {
	f.create("key", "first")
	for _, other := range []string{"other", "longer than first", ""} {
		_, err := f.s.Create(f.t.Context(), "key", writing([]byte(other)))
		if !errors.Is(err, lake.ErrExists) {
			f.t.Fatalf("create: %v", err)
		}
		f.named("key", err)
	}
	f.read("key", "first")
	f.list("", "key")
}

func notBeforeWhole(f *life) {
	_, err := f.s.Create(f.t.Context(), "d/k", func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		f.absent("d/k")
		f.list("")
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.list("", "d/k")
}

func missing(f *life) {
	f.create("a/b", "x")
	f.absent("b")
	f.absent("a")
	f.absent("a/b/c")
	f.absent("a/c")
	f.list("a/b/")
}

func lists(f *life) {
	keys := []lake.Key{"a-b/x", "a.txt", "a/x", "a/y/1", "a/y/2", "a0", "ab/z", "b", "B/c"}
	for _, k := range keys {
		f.create(k, "x")
	}
	slices.Sort(keys)
	f.list("", keys...)
	f.list("a/", "a/x", "a/y/1", "a/y/2")
	f.list("a/y", "a/y/1", "a/y/2")
	f.list("a/y/2", "a/y/2")
	f.list("a", "a-b/x", "a.txt", "a/x", "a/y/1", "a/y/2", "a0", "ab/z")
	f.list("c")
	f.list("c/d/")
}

func listStops(f *life) {
	for i := range 10 {
		f.create(lake.Key(fmt.Sprintf("d%d/k", i)), "x")
	}
	n := 0
	for _, err := range f.s.List(f.t.Context(), "") {
		if err != nil {
			f.t.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		f.t.Fatalf("saw %d", n)
	}
}

func deletes(f *life) {
	ctx := f.t.Context()
	f.create("a/b/c", "x")
	f.create("a/d", "x")
	for range 2 {
		if err := f.s.Delete(ctx, "a/b/c"); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := f.s.Delete(ctx, "never/was"); err != nil {
		f.t.Fatal(err)
	}
	f.absent("a/b/c")
	f.list("", "a/d")
	f.create("a/b/c", "other")
	f.read("a/b/c", "other")
	f.list("", "a/b/c", "a/d")
	// An open object can be read on.
	o, err := f.s.Open(ctx, "a/d")
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.s.Delete(ctx, "a/d"); err != nil {
		f.t.Fatal(err)
	}
	if got, err := io.ReadAll(o); err != nil || string(got) != "x" {
		f.t.Fatalf("read %q, %v", got, err)
	}
	if err := o.Close(); err != nil {
		f.t.Fatal(err)
	}
}

func concurrentCreates(f *life) {
	const workers = 8
	for round := range 10 {
		key := lake.Key(fmt.Sprintf("same/%d", round))
		var won atomic.Int64
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				data := fmt.Sprintf("content %d", w%2)
				_, err := f.s.Create(f.t.Context(), key, writing([]byte(data)))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, lake.ErrExists):
					f.t.Errorf("create: %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != workers/2 {
			f.t.Fatalf("%d creates succeeded, want those %d of one content", won.Load(), workers/2)
		}
		f.list(key, key)
	}
}

func createBesideDelete(f *life) {
	const workers, rounds = 4, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				key := lake.Key(fmt.Sprintf("p/q/r/k%d-%d", w, i))
				if _, err := f.s.Create(f.t.Context(), key, writing([]byte("x"))); err != nil {
					f.t.Errorf("create: %v", err)
				}
				if err := f.s.Delete(f.t.Context(), key); err != nil {
					f.t.Errorf("delete: %v", err)
				}
			}
		})
	}
	wg.Wait()
	f.list("")
}

func endedContext(f *life) {
	ctx, cancel := context.WithCancel(f.t.Context())
	cancel()
	if _, err := f.s.Create(ctx, "k", writing([]byte("x"))); !errors.Is(err, context.Canceled) {
		f.t.Fatalf("create: %v", err)
	}
	f.absent("k")
}
