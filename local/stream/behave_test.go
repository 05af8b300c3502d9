package stream_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/streamtest"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/stream"
)

func shortly(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 20*time.Millisecond)
}

func writeText(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func crcOf(s string) string {
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(s), crc32.MakeTable(crc32.Castagnoli)))
}

// slow is a file system whose file syncs wait until they are let go.
type slow struct {
	disk.FS
	hold chan struct{} // a sync takes one token; closed lets all pass
}

type slowFile struct {
	disk.File
	hold chan struct{}
}

func (s slow) Append(path string) (disk.File, error) {
	f, err := s.FS.Append(path)
	return slowFile{f, s.hold}, err
}

func (f slowFile) Sync() error {
	<-f.hold
	return f.File.Sync()
}

// queued waits until so many bytes wait for their sync.
func queued(t *testing.T, s *stream.Stream, bytes int64) {
	t.Helper()
	for s.Stats().Queued < bytes {
		if t.Context().Err() != nil {
			t.Fatal("nothing comes")
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func TestConcurrentCallsShareASync(t *testing.T) {
	fsys := slow{crashfs.New(1), make(chan struct{})}
	var mu sync.Mutex
	var synced []int
	s := open(t, fsys, dir, stream.Options{Shards: 1, OnSync: func(d time.Duration, events, bytes int) {
		mu.Lock()
		defer mu.Unlock()
		if d <= 0 || bytes < 50*events {
			t.Errorf("sync of %d events, %d bytes in %s", events, bytes, d)
		}
		synced = append(synced, events)
	}})
	var wg sync.WaitGroup
	send := func(n int) {
		wg.Go(func() {
			if err := s.Append(t.Context(), streamtest.Events(n, 0, 1, 50)); err != nil {
				t.Error(err)
			}
		})
	}
	send(0)
	queued(t, s, 50) // the writer has it, or is about to; its sync waits
	const more = 50
	for n := range more {
		send(n + 1)
	}
	// Each is a run of its own: 21 bytes, an id and the body. That is more than
	// was reserved for it, so the sum is reached when all are encoded.
	queued(t, s, (more+1)*(21+16+50))
	close(fsys.hold)
	wg.Wait()
	total := 0
	for _, n := range synced {
		total += n
	}
	if total != more+1 || len(synced) > 4 {
		t.Errorf("%d events in %d syncs: %v", total, len(synced), synced)
	}
	must(t, s.Close())
}

func TestACancelledCallReturnsWhileItsSyncIsStuck(t *testing.T) {
	fsys := slow{crashfs.New(1), make(chan struct{})}
	s := open(t, fsys, dir, stream.Options{Shards: 1})
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	events := streamtest.Events(0, 0, 3, 50)
	go func() { errs <- s.Append(ctx, events) }()
	queued(t, s, 1)
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	for i := range events {
		clear(events[i].Body) // the caller's memory is the caller's again
	}
	close(fsys.hold)
	must(t, s.Append(t.Context(), streamtest.Events(0, 3, 1, 200)))
	for i, r := range readAll(t, s)[one] {
		if want := streamtest.Event(0, i, 50); i < 3 && string(r.Body) != string(want.Body) {
			t.Errorf("record %d is %q", i, r.Body)
		}
	}
	must(t, s.Close())
}

func TestFullQueueRefusesWithoutStoring(t *testing.T) {
	fsys := slow{crashfs.New(1), make(chan struct{})}
	s := open(t, fsys, dir, stream.Options{Shards: 1, MaxQueue: 10_000})
	errs := make(chan error)
	go func() { errs <- s.Append(t.Context(), streamtest.Events(0, 0, 1, 20_000)) }() // alone, any size passes
	queued(t, s, 1)
	err := s.Append(t.Context(), streamtest.Events(0, 1, 1, 50))
	if !errors.Is(err, lake.ErrFull) || lake.Hint(err) == "" {
		t.Errorf("err = %v", err)
	}
	close(fsys.hold)
	must(t, <-errs)
	must(t, s.Append(t.Context(), streamtest.Events(0, 1, 1, 50)))
	if n := len(readAll(t, s)[one]); n != 2 {
		t.Errorf("%d records", n)
	}
	if q := s.Stats().Queued; q != 0 {
		t.Errorf("%d bytes still count as waiting", q)
	}
	must(t, s.Close())
}

func TestSizeLimitAndReserveRefuseWithoutStoring(t *testing.T) {
	var free int64 = 1 << 30
	tests := []struct {
		name string
		o    stream.Options
		room func()
	}{
		{"size limit", stream.Options{Shards: 1, MaxBytes: 20_000}, nil},
		{"reserve", stream.Options{Shards: 1, Reserve: 1 << 20, Free: func() (int64, error) { free -= 1 << 26; return free, nil }}, func() { free = 1 << 40 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, crashfs.New(1), dir, tt.o)
			var err error
			n := 0
			for ; err == nil && n < 1000; n++ {
				err = s.Append(t.Context(), streamtest.Events(0, n, 1, 1000))
			}
			if !errors.Is(err, lake.ErrFull) || lake.Hint(err) == "" {
				t.Fatalf("err = %v", err)
			}
			if got := len(readAll(t, s)[one]); got != n-1 {
				t.Errorf("%d records after %d calls that were fine", got, n-1)
			}
			if tt.room != nil {
				tt.room()
				must(t, s.Append(t.Context(), streamtest.Events(0, n, 1, 1000)))
			}
			must(t, s.Close())
		})
	}
}

func TestAFullDiskIsSurvived(t *testing.T) {
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 1, SegmentBytes: 5000})
	fsys.Limit(fsys.Used() + 20_000)
	n := 0
	var err error
	for ; err == nil; n++ {
		err = s.Append(t.Context(), streamtest.Events(0, n, 1, 1000))
	}
	n--
	if !errors.Is(err, lake.ErrFull) || lake.Hint(err) == "" {
		t.Fatalf("err = %v", err)
	}
	if s.Err() != nil {
		t.Fatalf("a full disk stopped the stream: %v", s.Err())
	}
	fsys.Limit(0)
	must(t, s.Append(t.Context(), streamtest.Events(0, n, 1, 1000)))
	for i, r := range readAll(t, s)[one] {
		if want := streamtest.Event(0, i, 1000); string(r.Body) != string(want.Body) {
			t.Fatalf("record %d is %.40q", i, r.Body)
		}
	}
	if s.Stats().Shards[0].Counts.Full == 0 {
		t.Error("the counter says that the disk was never full")
	}
	must(t, s.Close())
	if problems := check(t, fsys); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestAFullDiskOnOneShardIsNotNothingStored(t *testing.T) {
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 2})
	fsys.Limit(fsys.Used() + 60_000)
	err := s.Append(t.Context(), streamtest.Events(0, 0, 100, 1000))
	total := 0
	for _, rs := range readAll(t, s) {
		total += len(rs)
	}
	if err == nil || total == 0 || errors.Is(err, lake.ErrFull) {
		t.Errorf("%d stored, err = %v; lake.ErrFull promises that nothing was", total, err)
	}
	must(t, s.Close())
}

func TestAFailedSyncStopsTheStream(t *testing.T) {
	for _, kind := range []crashfs.Kind{crashfs.Sync, crashfs.Write} {
		t.Run(string(kind), func(t *testing.T) {
			fsys := crashfs.New(1)
			s := open(t, fsys, dir, stream.Options{Shards: 1, Logger: slog.New(slog.DiscardHandler)})
			must(t, s.Append(t.Context(), streamtest.Events(0, 0, 1, 50)))
			n := fsys.Ops() + 1 // write, sync
			if kind == crashfs.Sync {
				n++
			}
			fsys.Inject(crashfs.Fault{N: n, Err: syscall.EIO})
			err := s.Append(t.Context(), streamtest.Events(0, 1, 1, 50))
			if !errors.Is(err, lake.ErrClosed) || !strings.Contains(lake.Hint(err), "start the lake again") {
				t.Fatalf("err = %v, hint %q", err, lake.Hint(err))
			}
			select {
			case <-s.Failed():
			default:
				t.Error("Failed is open")
			}
			ops := fsys.Ops()
			if err := s.Append(t.Context(), streamtest.Events(0, 2, 1, 50)); !errors.Is(err, lake.ErrClosed) {
				t.Errorf("the next append: %v", err)
			}
			if err := s.Wait(t.Context(), one, lake.Pos(1)); !errors.Is(err, lake.ErrClosed) {
				t.Errorf("wait: %v", err)
			}
			if n := len(readAll(t, s)[one]); n != 1 {
				t.Errorf("%d records can be read, 1 is durable", n)
			}
			if fsys.Ops() != ops {
				t.Error("the stream went on to write")
			}
			must(t, s.Close())
		})
	}
}

func TestCloseStoresWhatWaitsAndRefusesTheRest(t *testing.T) {
	fsys := slow{crashfs.New(1), make(chan struct{})}
	s := open(t, fsys, dir, stream.Options{Shards: 1})
	errs := make(chan error, 1)
	go func() { errs <- s.Append(t.Context(), streamtest.Events(0, 0, 5, 50)) }()
	queued(t, s, 1)
	waiting := make(chan error, 1)
	go func() { waiting <- s.Wait(t.Context(), one, lake.Pos(1000)) }()
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	close(fsys.hold)
	must(t, <-closed)
	must(t, <-errs)
	if err := <-waiting; !errors.Is(err, lake.ErrClosed) {
		t.Errorf("wait: %v", err)
	}
	var b lake.Batch
	for what, err := range map[string]error{
		"append": s.Append(t.Context(), streamtest.Events(0, 5, 1, 50)),
		"read":   s.Read(t.Context(), one, lake.Position{}, 1, &b),
		"wait":   s.Wait(t.Context(), one, lake.Pos(1000)),
	} {
		if !errors.Is(err, lake.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, s.Close())
}

func TestTheNumberOfShardsIsFixed(t *testing.T) {
	fsys := crashfs.New(1)
	must(t, open(t, fsys, dir, stream.Options{Shards: 3}).Close())
	var log strings.Builder
	s := open(t, fsys, dir, stream.Options{Shards: 8, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	list, err := s.Shards(t.Context())
	if err != nil || len(list) != 3 || !strings.Contains(log.String(), "configured=8") {
		t.Errorf("%d shards, %v, log %q", len(list), err, log.String())
	}
	must(t, s.Close())
	for _, n := range []int{-1, 257} {
		if _, err := stream.Open(t.Context(), crashfs.New(1), dir, stream.Options{Shards: n}); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%d shards: %v", n, err)
		}
	}
}

func TestLogTimeHoldsOverARestart(t *testing.T) {
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 1})
	late, early := streamtest.Event(0, 0, 50), streamtest.Event(0, 1, 50)
	late.Received += 1e9
	must(t, s.Append(t.Context(), []lake.Event{late}))
	must(t, s.Close())
	s = open(t, fsys, dir, stream.Options{})
	must(t, s.Append(t.Context(), []lake.Event{early}))
	if rs := readAll(t, s)[one]; rs[1].Received != late.Received {
		t.Errorf("log time %s after %s", rs[1].Received, late.Received)
	}
	must(t, s.Close())
}

func TestTrim(t *testing.T) {
	const day = 24 * time.Hour
	build := func(t *testing.T, o stream.Options) *stream.Stream {
		o.Shards, o.SegmentBytes = 1, 1
		if o.Clock == nil {
			o.Clock = func() lake.Instant { return streamtest.Event(0, 0, 0).Received.Add(30 * day) }
		}
		s := open(t, crashfs.New(1), dir, o)
		for i := range 10 { // a segment each
			e := streamtest.Event(0, i, 500)
			e.Received = e.Received.Add(time.Duration(i) * day)
			must(t, s.Append(t.Context(), []lake.Event{e}))
		}
		return s
	}
	passed := func(n uint64) map[lake.ShardID]lake.Position { return map[lake.ShardID]lake.Position{one: lake.Pos(n)} }
	tests := []struct {
		name     string
		o        stream.Options
		passed   map[lake.ShardID]lake.Position
		consumer uint64 // 0: none
		first    uint64 // the oldest position kept
	}{
		{"nothing was passed", stream.Options{}, nil, 0, 1},
		{"old and passed goes", stream.Options{}, passed(4), 0, 5},
		{"the segment being written stays", stream.Options{}, passed(10), 0, 10},
		{"young stays", stream.Options{Retention: 26*day + time.Hour}, passed(9), 0, 5},
		{"a named consumer holds it", stream.Options{}, passed(9), 3, 4},
		{"a consumer ahead of passed does not push", stream.Options{}, passed(2), 9, 3},
		{"over the size it goes, young and held", stream.Options{Retention: 1000 * day, RetainBytes: 3500}, passed(9), 2, 6},
		{"over the size it never goes beyond passed", stream.Options{RetainBytes: 1, Retention: 1000 * day}, passed(3), 0, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := build(t, tt.o)
			if tt.consumer > 0 {
				c, err := s.Consumer("slow")
				must(t, err)
				must(t, c.Save(t.Context(), passed(tt.consumer)))
			}
			before := s.Stats().Bytes
			done, err := s.Trim(t.Context(), tt.passed)
			must(t, err)
			st := s.Stats()
			if first, _ := st.Shards[0].First.Uint64(); first != tt.first || done.Segments != int(first)-1 {
				t.Errorf("kept from %d, want %d; %+v", first, tt.first, done)
			}
			if st.Bytes != before-done.Bytes || st.Shards[0].Bytes != st.Bytes {
				t.Errorf("%d bytes before, %+v, %+v", before, done, st)
			}
			if again, err := s.Trim(t.Context(), tt.passed); err != nil || again.Segments != 0 {
				t.Errorf("a second trim: %+v, %v", again, err)
			}
			if n := len(readAll(t, s)[one]); n != 11-int(tt.first) {
				t.Errorf("%d records left", n)
			}
			must(t, s.Close())
		})
	}
}

func TestTrimWhileReading(t *testing.T) {
	s := open(t, disk.OS{}, filepath.Join(t.TempDir(), "s"), stream.Options{Shards: 1, SegmentBytes: 1, CacheBytes: -1, Retention: -1})
	for i := range 60 {
		must(t, s.Append(t.Context(), streamtest.Events(0, i, 1, 100)))
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			var b lake.Batch
			var after lake.Position
			for after.Compare(lake.Pos(60)) < 0 {
				err := s.Read(t.Context(), one, after, 300, &b)
				switch {
				case errors.Is(err, lake.ErrTrimmed):
					list, err := s.Shards(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					after = list[0].Trimmed
				case err != nil:
					t.Error(err)
					return
				default:
					after = b.Span(after).To
				}
			}
		})
	}
	for i := range uint64(59) {
		_, err := s.Trim(t.Context(), map[lake.ShardID]lake.Position{one: lake.Pos(i)})
		must(t, err)
	}
	wg.Wait()
	must(t, s.Close())
}

func TestConsumers(t *testing.T) {
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 2})
	must(t, s.Append(t.Context(), streamtest.Events(0, 0, 100, 50)))
	for _, name := range []string{"", "A", "a/b", "..", ".x", "a b", strings.Repeat("x", 65)} {
		if _, err := s.Consumer(name); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
			t.Errorf("name %q: %v", name, err)
		}
	}
	c, err := s.Consumer("backup.v-1_x")
	must(t, err)
	if _, err := c.Load(t.Context()); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("load before save: %v", err)
	}
	must(t, c.Save(t.Context(), map[lake.ShardID]lake.Position{"shard-000": lake.Pos(7)}))
	must(t, c.Save(t.Context(), map[lake.ShardID]lake.Position{"shard-001": lake.Pos(5)}))
	if err := c.Save(t.Context(), map[lake.ShardID]lake.Position{"shard-000": lake.Pos(1000)}); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("behind the end: %v", err)
	}
	if err := c.Save(t.Context(), map[lake.ShardID]lake.Position{"shard-009": {}}); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("unknown shard: %v", err)
	}
	other, err := s.Consumer("a")
	must(t, err)
	must(t, other.Save(t.Context(), nil))
	must(t, s.Close())

	s = open(t, fsys, dir, stream.Options{})
	if got := s.Consumers(); !slices.Equal(got, []string{"a", "backup.v-1_x"}) {
		t.Errorf("consumers %v", got)
	}
	c, err = s.Consumer("backup.v-1_x")
	must(t, err)
	at, err := c.Load(t.Context())
	if err != nil || len(at) != 2 || at["shard-000"] != lake.Pos(7) || at["shard-001"] != lake.Pos(5) {
		t.Errorf("positions %v, %v", at, err)
	}
	must(t, c.Delete(t.Context()))
	must(t, c.Delete(t.Context()))
	if got := s.Consumers(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("consumers %v", got)
	}
	must(t, s.Close())
	must(t, fsys.Damage(filepath.Join(dir, "consumers/a.json"), flip(20)))
	_, err = stream.Open(t.Context(), fsys, dir, stream.Options{})
	if !errors.Is(err, lake.ErrCorrupt) || !strings.Contains(err.Error(), "a.json") || lake.Hint(err) == "" {
		t.Errorf("a damaged consumer: %v", err)
	}
}

func TestCheckOfAnOpenStream(t *testing.T) {
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 1, SegmentBytes: 2000})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 200 {
			if err := s.Append(t.Context(), streamtest.Events(0, i, 1, 100)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 20 {
		done, err := s.Check(t.Context(), func(p stream.Problem) { t.Errorf("check: %s", p) })
		must(t, err)
		if n, _ := done.Last[one].Uint64(); int64(n) != done.Records {
			t.Errorf("%+v", done)
		}
	}
	wg.Wait()
	paths, _ := segments(t, fsys)
	must(t, fsys.Damage(paths[2], flip(100)))
	found := 0
	done, err := s.Check(t.Context(), func(p stream.Problem) { found++ })
	if err != nil || found != 1 || done.Records >= 200 {
		t.Errorf("%d problems, %+v, %v", found, done, err)
	}
	must(t, s.Close())
}

func TestReadRefusesPositionsOfOtherStreams(t *testing.T) {
	s := open(t, crashfs.New(1), dir, stream.Options{Shards: 1})
	var b lake.Batch
	p := lake.Position{Seq: [3]uint64{1, 0, 0}}
	if err := s.Read(t.Context(), one, p, 1, &b); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("read: %v", err)
	}
	if err := s.Wait(t.Context(), one, p); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("wait: %v", err)
	}
	if err := s.Read(t.Context(), one, lake.Pos(math.MaxUint64), 1, &b); err != nil || len(b.Records) != 0 {
		t.Errorf("read far behind the end: %d records, %v", len(b.Records), err)
	}
	must(t, s.Close())
}

func TestAReadOnlyDirectoryIsAnError(t *testing.T) {
	fsys := crashfs.New(1)
	fsys.Inject(crashfs.Fault{N: 1, Err: syscall.EROFS})
	if _, err := stream.Open(t.Context(), fsys, dir, stream.Options{}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("err = %v", err)
	}
}

func TestReadingAllocatesNothingPerEvent(t *testing.T) {
	for name, cache := range map[string]int64{"from memory": 0, "from the file": -1} {
		t.Run(name, func(t *testing.T) {
			const n = 2000
			s := open(t, crashfs.New(1), dir, stream.Options{Shards: 1, CacheBytes: cache})
			must(t, s.Append(t.Context(), streamtest.Events(0, 0, n, 300)))
			var b lake.Batch
			ctx := context.Background()
			allocs := testing.AllocsPerRun(20, func() {
				if err := s.Read(ctx, one, lake.Position{}, 1<<30, &b); err != nil || len(b.Records) != n {
					t.Fatalf("%d records, %v", len(b.Records), err)
				}
			})
			if allocs > 10 { // a file's handle and the like, once a call
				t.Errorf("%.0f allocations for %d events", allocs, n)
			}
			must(t, s.Close())
		})
	}
}

// TestASearchBehindDamageIsNotSlowedByHostileBodies fills bodies with what
// looks like heads of large frames.
func TestASearchBehindDamageIsNotSlowedByHostileBodies(t *testing.T) {
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 1})
	e := streamtest.Event(0, 0, 0)
	for len(e.Body) < 4<<20 {
		e.Body = append(e.Body, 0, 0, 0, 0, 0, 0, 0x40, 0, 'L', 'F', 1, 1, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)
	}
	must(t, s.Append(t.Context(), []lake.Event{e}))
	must(t, s.Append(t.Context(), streamtest.Events(0, 1, 1, 50)))
	must(t, s.Close())
	paths, _ := segments(t, fsys)
	must(t, fsys.Damage(paths[0], flip(64+8)))
	start := time.Now()
	if problems := check(t, fsys); len(problems) != 1 || problems[0].Lost.To != lake.Pos(1) {
		t.Errorf("problems %v", problems)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
