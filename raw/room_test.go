package raw_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
)

// filled returns a cache of the limit that holds one file, and a reader of it.
func filled(t *testing.T, limit int) (*raw.Cache, *raw.Reader, lake.File) {
	t.Helper()
	store, free := memory.NewStore(), raw.NewMemory(1<<20)
	gz, err := raw.NewCompressor(store, 1)
	if err != nil {
		t.Fatal(err)
	}
	cache := raw.NewCache(limit, free)
	b := raw.NewBuffer(free)
	b.Part(lake.Partition{Name: lake.Name{Type: "a", Subtype: "b"}}).Add([]byte(`{"n":1}`), &raw.Fields{Shard: "s", Source: "web", Position: lake.Pos(1)})
	files, err := b.Write(t.Context(), raw.NewWriter(gz, cache), "s", lake.Span{To: lake.Pos(1)})
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return cache, raw.NewReader(store, cache), files[0]
}

func TestRoomIsThereUntilTheCacheIsFull(t *testing.T) {
	cache, _, _ := filled(t, 64<<10)
	if err := cache.Room(t.Context(), 16<<10, func() { t.Fatal("it waits") }); err != nil {
		t.Fatal(err)
	}
}

func TestRoomWaitsForTheReader(t *testing.T) {
	cache, lines, f := filled(t, 64<<10)
	full := make(chan struct{})
	done := make(chan error)
	go func() { done <- cache.Room(context.Background(), 64<<10, func() { close(full) }) }()
	<-full
	in, err := lines.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRoomDoesNotWaitForAReaderThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, _, _ := filled(t, 64<<10)
		var asked atomic.Int32
		begun := time.Now()
		if err := cache.Room(t.Context(), 64<<10, func() { asked.Add(1) }); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); asked.Load() != 1 || waited < 500*time.Millisecond || waited > 5*time.Second {
			t.Fatalf("asked %d times, waited %s", asked.Load(), waited)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := cache.Room(ctx, 64<<10, func() {}); err == nil {
			t.Fatal("a cancelled wait has no error")
		}
	})
}

func TestMemoryKeepsTheBytesAndReusesBuffers(t *testing.T) {
	m := raw.NewMemory(1 << 20)
	b := []byte(nil)
	var want []byte
	for i := range 5000 {
		line := fmt.Appendf(nil, "line %d\n", i)
		want = append(want, line...)
		if len(b)+len(line) > cap(b) {
			b = m.Grow(b, len(b)+len(line))
		}
		b = append(b, line...)
	}
	if !bytes.Equal(b, want) {
		t.Fatal("bytes were lost while growing")
	}
	m.Put(b)
	if n := testing.AllocsPerRun(100, func() { m.Put(m.Grow(nil, len(want))) }); n > 0 {
		t.Fatalf("%v allocations for a buffer that was given back", n)
	}
}
