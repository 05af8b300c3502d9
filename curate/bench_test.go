package curate_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
	"github.com/eventlake/lake/curate/shred"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
)

// benchLines are enriched events of about 500 bytes and 19 columns.
func benchLines(n int) (lines [][]byte, bytes int) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		body := fmt.Appendf(nil, `{"event_uuid":"%08x-%04x-4%03x-8%03x-%012x","event_name":"payment:%s","created_at":%d,"user_id":%d,"session":"s-%d",`+
			`"amount":%d.%02d,"currency":"%s","country":"%s","app":{"version":"4.%d.%d","platform":"%s"},"tags":["a%d","b"],"ok":%t,"note":"%s"}`,
			rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), rng.IntN(1<<12), rng.Int64N(1<<48),
			[]string{"made", "failed", "refunded"}[rng.IntN(3)], start.Time().UnixMilli()+int64(i), rng.IntN(200_000), rng.IntN(1<<30),
			rng.IntN(500), rng.IntN(100), []string{"EUR", "USD", "GBP"}[rng.IntN(3)], []string{"DE", "FR", "US", "IN", "BR"}[rng.IntN(5)],
			rng.IntN(9), rng.IntN(30), []string{"ios", "android", "web"}[rng.IntN(3)], rng.IntN(20), rng.IntN(9) > 0,
			[]string{"", "first order of the month", "gift card used, no refund possible"}[rng.IntN(3)])
		f := raw.Fields{ID: idOf(string(body)), Type: []byte("payment"), Subtype: []byte("made"), Created: start.Add(time.Duration(i) * time.Millisecond),
			Source: "web", Shard: shard, Position: lake.Pos(uint64(i + 1)), Received: start.Add(time.Duration(i)*time.Millisecond + 80*time.Millisecond)}
		line := raw.Append(nil, body, &f)
		bytes += len(line)
		lines = append(lines, line)
	}
	return lines, bytes
}

const benchRows = 50_000

func perEvent(b *testing.B, n int, before time.Duration) {
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/event")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
}

// cpu is the processor time of the process, which a busy machine does not
// stretch as it stretches time.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkShred(b *testing.B) {
	lines, size := benchLines(benchRows)
	b.SetBytes(int64(size))
	s := shred.New(lake.Schema{}, lake.Schema{}, shred.Limits{Columns: 1000, Depth: 5, Width: 200})
	var f raw.Fields
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		s.Reset()
		for _, line := range lines {
			body, err := curate.Split(line, &f)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Add(body, &f); err != nil {
				b.Fatal(err)
			}
		}
		s.Schema()
	}
	perEvent(b, len(lines), before)
}

func BenchmarkSplit(b *testing.B) {
	lines, _ := benchLines(benchRows)
	var f raw.Fields
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		for _, line := range lines {
			if _, err := curate.Split(line, &f); err != nil {
				b.Fatal(err)
			}
		}
	}
	perEvent(b, len(lines), before)
}

func BenchmarkParquet(b *testing.B) { benchParquet(b, true) }

// BenchmarkBare is the same without filters over the ids.
func BenchmarkBare(b *testing.B) { benchParquet(b, false) }

// shredded has the lines as columns.
func shredded(tb testing.TB, lines [][]byte) *shred.Shredder {
	tb.Helper()
	s := shred.New(lake.Schema{}, lake.Schema{}, shred.Limits{Columns: 1000, Depth: 5, Width: 200})
	var f raw.Fields
	for _, line := range lines {
		body, err := raw.Split(line, &f)
		if err != nil {
			tb.Fatal(err)
		}
		if err := s.Add(body, &f); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func benchParquet(b *testing.B, filtered bool) {
	lines, _ := benchLines(benchRows)
	s := shredded(b, lines)
	schema := s.Schema()
	enc, err := parquetfile.NewEncoder()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := cpu(b)
	var size int64
	for b.Loop() {
		w, err := parquetfile.NewWriter(io.Discard, enc, schema.Columns, nil)
		if err != nil {
			b.Fatal(err)
		}
		if filtered {
			w.FilterOn(1)
		}
		w.BeginRowGroup(len(lines))
		if err := s.Each(func(_ int, c *column.Chunk) error { return w.Column(c) }); err != nil {
			b.Fatal(err)
		}
		if _, size, _, err = w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)/float64(len(lines)), "B/event")
	b.ReportMetric(float64(len(column.Leaves(&schema))), "columns")
	perEvent(b, len(lines), before)
}

// BenchmarkOnce is the whole stage as it runs: unpacked lines from the cache,
// shred, dedup, write, commit, cycle after cycle.
func BenchmarkOnce(b *testing.B) {
	lines, _ := benchLines(benchRows)
	r := newBenchRig(lines)
	c, err := curate.New(r.config())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		r.again()
		report, err := c.Once(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if report.Rows != benchRows {
			b.Fatalf("%+v", report)
		}
	}
	perEvent(b, len(lines), before)
}

// BenchmarkCompact merges eight files of 8,000 rows: as they are, and sorted.
func BenchmarkCompact(b *testing.B) {
	const files, rows = 8, 8_000
	lines, _ := benchLines(files * rows)
	for i := range lines { // events come a little out of order
		if j := i + 37; i%3 == 0 && j/rows == i/rows && j < len(lines) {
			lines[i], lines[j] = lines[j], lines[i]
		}
	}
	rig := newBenchRig(lines)
	c := rig.config()
	cur, err := curate.New(c)
	if err != nil {
		b.Fatal(err)
	}
	for part := range slices.Chunk(lines, rows) {
		rig.all, rig.events = bytes.Join(part, nil), rows
		rig.again()
		if _, err := cur.Once(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	table, err := c.Catalog.Table(b.Context(), "payment")
	if err != nil {
		b.Fatal(err)
	}
	for name, o := range map[string]curate.CompactOptions{"as they are": {}, "sorted": {Full: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				c.Catalog = memory.NewCatalog()
				if _, err := c.Catalog.Commit(b.Context(), lake.TableCommit{Table: "payment", Schema: table.Schema, Add: table.Files}); err != nil {
					b.Fatal(err)
				}
				cur, err := curate.New(c)
				if err != nil {
					b.Fatal(err)
				}
				report, err := cur.Compact(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				if report.Rows != files*rows {
					b.Fatalf("%+v", report)
				}
				after, err := c.Catalog.Table(b.Context(), "payment")
				if err != nil {
					b.Fatal(err)
				}
				for _, f := range after.Files {
					if err := c.Store.Delete(b.Context(), f.Key); err != nil {
						b.Fatal(err)
					}
				}
			}
			perEvent(b, files*rows, before)
		})
	}
}
