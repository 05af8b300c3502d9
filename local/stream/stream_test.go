package stream_test

import (
	"context"
	"log/slog"
	"math"
	"path/filepath"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/streamtest"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/stream"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, fsys disk.FS, dir string, o stream.Options) *stream.Stream {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := stream.Open(t.Context(), fsys, dir, o)
	must(t, err)
	return s
}

// suite runs the contract of lake.Stream with a set of options.
func suite(t *testing.T, fsys func() disk.FS, o stream.Options) {
	type place struct {
		fsys disk.FS
		dir  string
	}
	places := map[*stream.Stream]place{}
	opened := func(t *testing.T, p place) lake.Stream {
		s := open(t, p.fsys, p.dir, o)
		places[s] = p
		t.Cleanup(func() { must(t, s.Close()) })
		return s
	}
	streamtest.Suite(t, streamtest.Subject{
		Open: func(t *testing.T) lake.Stream { return opened(t, place{fsys(), filepath.Join(t.TempDir(), "stream")}) },
		Reopen: func(t *testing.T, s lake.Stream) lake.Stream {
			must(t, s.(*stream.Stream).Close())
			return opened(t, places[s.(*stream.Stream)])
		},
		Trim: func(t *testing.T, s lake.Stream, shard lake.ShardID, to lake.Position) {
			_, err := s.(*stream.Stream).Trim(t.Context(), map[lake.ShardID]lake.Position{shard: to})
			must(t, err)
		},
	})
}

func TestContract(t *testing.T) {
	osFS := func() disk.FS { return disk.OS{} }
	memFS := func() disk.FS { return crashfs.New(1) }
	tests := []struct {
		name string
		fsys func() disk.FS
		o    stream.Options
	}{
		{"on the disk", osFS, stream.Options{SegmentBytes: 4000, Retention: -1}},
		{"without a cache", memFS, stream.Options{SegmentBytes: 4000, Retention: -1, CacheBytes: -1}},
		{"with a small cache", memFS, stream.Options{SegmentBytes: 10000, Retention: -1, CacheBytes: 8000}},
		{"with two shards", memFS, stream.Options{Shards: 2, SegmentBytes: 4000, Retention: -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { suite(t, tt.fsys, tt.o) })
	}
}

// readAll returns all records of all shards; positions must be consecutive but
// for known gaps.
func readAll(t testing.TB, s *stream.Stream) map[lake.ShardID][]lake.Record {
	t.Helper()
	out := map[lake.ShardID][]lake.Record{}
	list, err := s.Shards(context.Background())
	must(t, err)
	for _, sh := range list {
		after := sh.Trimmed
		for {
			var b lake.Batch
			if err := s.Read(context.Background(), sh.ID, after, math.MaxInt32, &b); err != nil {
				t.Fatalf("read %s after %s: %v", sh.ID, after, err)
			}
			if len(b.Records) == 0 {
				break
			}
			out[sh.ID] = append(out[sh.ID], b.Records...)
			after = b.Span(after).To
		}
	}
	return out
}
