package raw

import (
	"fmt"
	"testing"

	"github.com/eventlake/lake"
)

// lines makes lines of so many bytes, no more and no less.
func lines(n int) []byte { return make([]byte, n) }

func TestTheCacheHasNoOlderLinesOfAKey(t *testing.T) {
	c := NewCache(100, NewMemory(1<<20))
	if !c.put("raw/a", lines(10)) {
		t.Fatal("no room for 10 bytes of 100")
	}
	if c.put("raw/a", lines(101)) {
		t.Error("101 bytes were taken over by a cache of 100")
	}
	if got, ok := c.take("raw/a"); ok {
		t.Errorf("the file's older %d bytes are handed out", len(got))
	}
	c.put("raw/a", lines(10))
	c.put("raw/a", lines(20))
	if got, ok := c.take("raw/a"); !ok || len(got) != 20 || c.bytes != 0 {
		t.Errorf("%d bytes, %v; %d bytes are left", len(got), ok, c.bytes)
	}
}

func TestLinesThatNobodyTakesDoNotMakeTheCacheGrow(t *testing.T) {
	c := NewCache(1000, NewMemory(1<<20))
	c.put("raw/of-a-table-that-fails", lines(1))
	for i := range 10_000 {
		key := lake.Key(fmt.Sprint("raw/", i))
		c.put(key, lines(1))
		if _, ok := c.take(key); !ok {
			t.Fatalf("%s is gone", key)
		}
	}
	if len(c.order) > 100 {
		t.Errorf("%d keys are remembered, for %d files", len(c.order), len(c.lines))
	}
	if _, ok := c.take("raw/of-a-table-that-fails"); !ok {
		t.Error("the oldest lines are gone, and there was room")
	}
}
