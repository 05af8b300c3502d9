package stream_test

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/streamtest"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/stream"
)

const benchEvents, benchBody = 1000, 500

func benchStream(b *testing.B, o stream.Options) *stream.Stream {
	b.Helper()
	o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := stream.Open(b.Context(), disk.OS{}, filepath.Join(b.TempDir(), "s"), o)
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	return s
}

// cpu is the CPU time of this process.
type cpu struct{ user, system time.Duration }

func cpuNow(b *testing.B) cpu {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return cpu{time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())}
}

func report(b *testing.B, before cpu, events int) {
	now := cpuNow(b)
	b.ReportMetric(float64(now.user-before.user)/float64(events), "user-ns/event")
	b.ReportMetric(float64(now.system-before.system)/float64(events), "system-ns/event")
	b.ReportMetric(float64(b.Elapsed())/float64(events), "ns/event")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAppend stores calls of 1,000 events of 500 bytes, one after the
// other, on the disk.
func BenchmarkAppend(b *testing.B) {
	s := benchStream(b, stream.Options{})
	events := streamtest.Events(0, 0, benchEvents, benchBody)
	b.ReportAllocs()
	before := cpuNow(b)
	n := 0
	for b.Loop() {
		must(b, s.Append(context.Background(), events))
		n += len(events)
	}
	report(b, before, n)
}

// BenchmarkAppendParallel is what 8 connections with 100 events a call do.
func BenchmarkAppendParallel(b *testing.B) {
	s := benchStream(b, stream.Options{})
	events := streamtest.Events(0, 0, 100, benchBody)
	b.ReportAllocs()
	b.SetParallelism(4)
	before := cpuNow(b)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Append(context.Background(), events); err != nil {
				b.Error(err)
			}
			n.Add(int64(len(events)))
		}
	})
	report(b, before, int(n.Load()))
}

// benchRead reads a stream from its beginning again and again.
func benchRead(b *testing.B, o stream.Options) {
	o.Shards = 1
	s := benchStream(b, o)
	for i := range 20 {
		must(b, s.Append(context.Background(), streamtest.Events(0, i*benchEvents, benchEvents, benchBody)))
	}
	var batch lake.Batch
	b.ReportAllocs()
	before := cpuNow(b)
	n := 0
	for b.Loop() {
		for after := (lake.Position{}); ; after = batch.Span(after).To {
			must(b, s.Read(context.Background(), "shard-000", after, 1<<20, &batch))
			if len(batch.Records) == 0 {
				break
			}
			n += len(batch.Records)
		}
	}
	report(b, before, n)
}

func BenchmarkReadLatest(b *testing.B)   { benchRead(b, stream.Options{}) }
func BenchmarkReadFromDisk(b *testing.B) { benchRead(b, stream.Options{CacheBytes: -1}) }

// BenchmarkOpen opens a stream of 64 MiB in one shard.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "s")
	o := stream.Options{Shards: 1, Logger: slog.New(slog.DiscardHandler)}
	s, err := stream.Open(b.Context(), disk.OS{}, dir, o)
	must(b, err)
	for i := range 120 {
		must(b, s.Append(context.Background(), streamtest.Events(0, i*benchEvents, benchEvents, benchBody)))
	}
	must(b, s.Close())
	for b.Loop() {
		s, err := stream.Open(b.Context(), disk.OS{}, dir, o)
		must(b, err)
		must(b, s.Close())
	}
}

// BenchmarkLife is what a crash sweep pays for a stream: open, store, read,
// close and open again, in memory.
func BenchmarkLife(b *testing.B) {
	o := stream.Options{SegmentBytes: 4096, Logger: slog.New(slog.DiscardHandler)}
	events := streamtest.Events(0, 0, 20, 200)
	var batch lake.Batch
	b.ReportAllocs()
	for b.Loop() {
		fsys := crashfs.New(1)
		for range 2 {
			s, err := stream.Open(b.Context(), fsys, dir, o)
			must(b, err)
			for range 4 {
				must(b, s.Append(b.Context(), events))
			}
			must(b, s.Read(b.Context(), one, lake.Position{}, 1<<20, &batch))
			must(b, s.Close())
		}
	}
}
