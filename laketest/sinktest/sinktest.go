// Package sinktest holds the contract of lake.Sink as a test suite. Every
// adapter runs it.
package sinktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventlake/lake"
)

// Kept returns the lines that a sink has kept, by partition, with their
// newlines. A line that was kept twice may be there twice.
type Kept func(t *testing.T) map[lake.Partition][]string

// Start makes an empty sink.
type Start func(t *testing.T) (lake.Sink, Kept)

// Suite is the contract of lake.Sink.
func Suite(t *testing.T, start Start) {
	for _, c := range []struct {
		name string
		test func(*testing.T, lake.Sink, Kept)
	}{
		{"every line of every part is kept", keepsAll},
		{"nothing to write is no work", nothing},
		{"the same span again keeps every line, and names the same files", again},
		{"lines of a kilobyte and of a megabyte", large},
		{"spans of several shards at once", atOnce},
		{"an ended context keeps nothing and says so", endedContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink, kept := start(t)
			c.test(t, sink, kept)
		})
	}
}

const shard lake.ShardID = "shard-000"

func partition(i int) lake.Partition {
	return lake.Partition{Name: lake.Name{Type: fmt.Sprintf("type_%d", i%7), Subtype: fmt.Sprintf("sub-%d", i%3)}, Day: lake.Day(20000 + i%5)}
}

// Line makes a line as the raw layer writes it, with an event of about the
// size given.
func Line(p lake.Partition, s lake.ShardID, position, size int) string {
	created := p.Day.Start().Add(1_000_000).String()
	return fmt.Sprintf(`{"n":"%s","event_id":"%032x","event_type":"%s","event_subtype":"%s","created_datetime":"%s",`+
		`"source":"default","shard":"%s","position":"%d","received_at":"%s"}`+"\n",
		strings.Repeat("x", size), position, p.Type, p.Subtype, created, s, position, created)
}

// parts makes a part of so many lines for each partition, of a shard.
func parts(s lake.ShardID, partitions, lines, size int) (parts []lake.Part, want map[lake.Partition][]string) {
	want = map[lake.Partition][]string{}
	for i := range partitions {
		p := lake.Part{Partition: partition(i), First: lake.Pos(uint64(i*lines + 1))}
		p.MinTime = p.Partition.Day.Start().Add(1_000_000)
		p.MaxTime, p.Received = p.MinTime, p.MinTime
		for l := range lines {
			line := Line(p.Partition, s, i*lines+l+1, size)
			want[p.Partition] = append(want[p.Partition], line)
			p.Lines = append(p.Lines, line...)
			p.Events++
		}
		parts = append(parts, p)
	}
	return parts, want
}

func write(t *testing.T, sink lake.Sink, s lake.ShardID, parts []lake.Part) []lake.File {
	t.Helper()
	total := int64(0)
	for i := range parts {
		total += parts[i].Events
	}
	files, err := sink.Write(t.Context(), s, lake.Span{To: lake.Pos(uint64(total))}, parts)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// check compares what was kept; repeats of a line are fine where they may be.
func check(t *testing.T, kept Kept, want map[lake.Partition][]string, repeats bool) {
	t.Helper()
	got := kept(t)
	for p, lines := range got {
		slices.Sort(lines)
		if repeats {
			lines = slices.Compact(lines)
		}
		if w := slices.Sorted(slices.Values(want[p])); !slices.Equal(lines, w) {
			t.Errorf("%s has %d lines, want %d", p.Dir(), len(lines), len(w))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d partitions, want %d", len(got), len(want))
	}
}

func keepsAll(t *testing.T, sink lake.Sink, kept Kept) {
	p, want := parts(shard, 20, 30, 200)
	write(t, sink, shard, p)
	check(t, kept, want, false)
}

func nothing(t *testing.T, sink lake.Sink, kept Kept) {
	if files := write(t, sink, shard, nil); len(files) != 0 {
		t.Errorf("%d files", len(files))
	}
	check(t, kept, nil, false)
}

func again(t *testing.T, sink lake.Sink, kept Kept) {
	var first []lake.File
	for i := range 2 {
		p, want := parts(shard, 5, 10, 200)
		files := write(t, sink, shard, p)
		if i == 1 && !slices.Equal(files, first) {
			t.Errorf("other files:\n%v\n%v", files, first)
		}
		first = files
		check(t, kept, want, true)
	}
}

func large(t *testing.T, sink lake.Sink, kept Kept) {
	p, want := parts(shard, 3, 2, lake.MaxEvent-40)
	more, wantMore := parts(shard, 6, 1200, 1000)
	for i := range more[3:] {
		p = append(p, more[3+i])
		want[more[3+i].Partition] = wantMore[more[3+i].Partition]
	}
	write(t, sink, shard, p)
	check(t, kept, want, false)
}

func atOnce(t *testing.T, sink lake.Sink, kept Kept) {
	want := map[lake.Partition][]string{}
	var wg sync.WaitGroup
	for i := range 4 {
		s := lake.ShardID(fmt.Sprintf("shard-%03d", i))
		p, w := parts(s, 10, 50, 300)
		for k, lines := range w {
			want[k] = append(want[k], lines...)
		}
		wg.Go(func() {
			if _, err := sink.Write(t.Context(), s, lake.Span{To: lake.Pos(500)}, p); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	check(t, kept, want, false)
}

func endedContext(t *testing.T, sink lake.Sink, kept Kept) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, _ := parts(shard, 2, 2, 100)
	if _, err := sink.Write(ctx, shard, lake.Span{To: lake.Pos(4)}, p); !errors.Is(err, context.Canceled) {
		t.Fatalf("write: %v", err)
	}
	check(t, kept, nil, false)
}
