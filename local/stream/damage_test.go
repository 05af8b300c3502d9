package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/streamtest"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/stream"
)

const (
	dir     = "/lake/stream"
	one     = lake.ShardID("shard-000") // of a stream with one shard
	perCall = 4
)

// written makes a closed stream of one shard with calls of four events, one
// frame each, several frames a segment.
func written(t *testing.T, calls int) *crashfs.FS {
	t.Helper()
	return left(t, calls, false)
}

// left is the same stream as a process leaves it that closes it, or is killed.
func left(t *testing.T, calls int, killed bool) *crashfs.FS {
	t.Helper()
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 1, SegmentBytes: 3000})
	for i := range calls {
		must(t, s.Append(t.Context(), streamtest.Events(0, i*perCall, perCall, 200)))
	}
	ends := filepath.Join(dir, "ends.json")
	before, err := disk.ReadWhole(fsys, ends)
	must(t, err)
	must(t, s.Close())
	if killed { // it has noted nothing more
		must(t, fsys.Damage(ends, func([]byte) []byte { return before }))
	}
	return fsys
}

// segments lists the segment files of the one shard.
func segments(t *testing.T, fsys disk.FS) (paths []string, sizes []int64) {
	t.Helper()
	entries, err := fsys.ReadDir(filepath.Join(dir, string(one)))
	must(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name, ".log") {
			paths = append(paths, filepath.Join(dir, string(one), e.Name))
			sizes = append(sizes, e.Size)
		}
	}
	return paths, sizes
}

func flip(at int64) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 0x10; return b }
}

func cut(n int64) func([]byte) []byte { return func(b []byte) []byte { return b[:int64(len(b))-n] } }

// check returns what Check finds.
func check(t *testing.T, fsys disk.FS) (out []stream.Problem) {
	t.Helper()
	_, err := stream.Check(t.Context(), fsys, dir, func(p stream.Problem) { out = append(out, p) })
	must(t, err)
	return out
}

func TestDamageIsFoundWhereverItIs(t *testing.T) {
	const calls = 20
	paths, sizes := segments(t, written(t, calls))
	last := len(paths) - 1
	if last < 3 {
		t.Fatalf("only %d segments", len(paths))
	}
	middle := func(i int) int64 { return sizes[i] / 2 }
	tests := []struct {
		name   string
		path   string
		damage func([]byte) []byte
		atOpen bool // Open refuses; otherwise reading does
		lost   int  // records that Repair cannot bring back
	}{
		{"a byte in a sealed segment", paths[1], flip(middle(1)), false, perCall},
		{"the first frame of a sealed segment", paths[1], flip(70), false, perCall},
		{"the last frame of a sealed segment", paths[1], flip(sizes[1] - 1), false, perCall},
		{"a frame's length in a sealed segment", paths[1], flip(64 + 4), false, perCall},
		{"a sealed segment cut short", paths[1], cut(10), false, perCall},
		{"a sealed segment emptied", paths[1], cut(sizes[1] - 64), false, 2 * perCall},
		{"a sealed segment's header", paths[1], flip(20), true, 0},
		{"a sealed segment's file emptied", paths[1], cut(sizes[1]), true, 2 * perCall},
		{"the first segment's header", paths[0], flip(3), true, 0},
		{"the last segment's header", paths[last], flip(3), true, 0},
		{"a frame before the last one", paths[last], flip(80), true, perCall},
		{"the meta file", filepath.Join(dir, "stream.json"), flip(30), true, 0},
		{"the meta file emptied", filepath.Join(dir, "stream.json"), func([]byte) []byte { return nil }, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := written(t, calls)
			must(t, fsys.Damage(tt.path, tt.damage))

			s, err := stream.Open(t.Context(), fsys, dir, stream.Options{Shards: 1})
			if tt.atOpen {
				refused(t, err, tt.path)
			} else {
				must(t, err)
				n, err := count(t, s)
				refused(t, err, tt.path)
				if n == 0 || n >= calls*perCall {
					t.Errorf("%d records before the damage", n)
				}
				must(t, s.Append(t.Context(), streamtest.Events(0, calls*perCall, 1, 200))) // others are not held up
				must(t, s.Close())
			}

			problems := check(t, fsys)
			for _, p := range problems {
				if text := p.String(); strings.Count(text, p.Path) != 1 || strings.Contains(text, "byte 0") {
					t.Errorf("not named once: %s", text)
				}
			}
			if !slices.ContainsFunc(problems, func(p stream.Problem) bool { return p.Path == tt.path && !p.Harmless }) {
				t.Errorf("check found %v", problems)
			}

			done, err := stream.Repair(t.Context(), fsys, dir, stream.Known{})
			must(t, err)
			if len(done.Segments) == 0 || len(done.Kept) == 0 {
				t.Errorf("repaired %+v", done)
			}
			if problems := check(t, fsys); len(problems) > 0 {
				t.Errorf("after the repair: %v", problems)
			}
			again, err := stream.Repair(t.Context(), fsys, dir, stream.Known{})
			if err != nil || len(again.Segments) > 0 {
				t.Errorf("second repair: %+v, %v", again, err)
			}

			s = open(t, fsys, dir, stream.Options{Shards: 1})
			want := calls * perCall
			if !tt.atOpen {
				want++
			}
			n, err := count(t, s)
			must(t, err)
			lost := 0
			for _, gap := range s.Gaps()[one] {
				after, _ := gap.After.Uint64()
				to, _ := gap.To.Uint64()
				lost += int(to - after)
			}
			if n+lost != want || lost != tt.lost {
				t.Errorf("%d records, %d lost; want %d lost of %d", n, lost, tt.lost, want)
			}
			must(t, s.Append(t.Context(), streamtest.Events(0, 9999, 1, 200)))
			must(t, s.Close())
		})
	}
}

// refused checks that an error is for an operator.
func refused(t *testing.T, err error, path string) {
	t.Helper()
	if !errors.Is(err, lake.ErrCorrupt) || !strings.Contains(err.Error(), path) || !strings.Contains(lake.Hint(err), "lake doctor") {
		t.Fatalf("err = %v, hint %q; should name %s", err, lake.Hint(err), path)
	}
}

// count reads the one shard and checks each body against its position.
func count(t *testing.T, s *stream.Stream) (n int, err error) {
	t.Helper()
	var b lake.Batch
	var after lake.Position
	for {
		if err := s.Read(t.Context(), one, after, 500, &b); err != nil || len(b.Records) == 0 {
			return n, err
		}
		for _, r := range b.Records {
			at, _ := r.Position.Uint64()
			if e := streamtest.Event(0, int(at)-1, 200); at != 81 && !bytes.Equal(r.Body, e.Body) {
				t.Fatalf("position %d has %q", at, r.Body)
			}
		}
		n += len(b.Records)
		after = b.Span(after).To
	}
}

func TestATornTailIsCut(t *testing.T) {
	garbage := bytes.Repeat([]byte{0xA5}, 100)
	tests := []struct {
		name string
		tear func([]byte) []byte
		lost int
	}{
		{"some bytes of a frame are missing", cut(17), perCall},
		{"zeros instead of a frame's end", func(b []byte) []byte { clear(b[len(b)-300:]); return b }, perCall},
		{"garbage after the last frame", func(b []byte) []byte { return append(b, garbage...) }, 0},
		{"a head without a body", func(b []byte) []byte { return append(b, b[64:64+40]...) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := left(t, 20, true)
			paths, _ := segments(t, fsys)
			must(t, fsys.Damage(paths[len(paths)-1], tt.tear))
			for _, p := range check(t, fsys) {
				if !p.Harmless {
					t.Errorf("check: %s", p)
				}
			}
			s := open(t, fsys, dir, stream.Options{})
			n, err := count(t, s)
			if err != nil || n != 80-tt.lost {
				t.Fatalf("%d records, %v", n, err)
			}
			must(t, s.Append(t.Context(), streamtest.Events(0, n, 1, 200)))
			must(t, s.Close())
			s = open(t, fsys, dir, stream.Options{})
			if n, err := count(t, s); err != nil || n != 81-tt.lost {
				t.Fatalf("after opening again: %d records, %v", n, err)
			}
			must(t, s.Close())
			if problems := check(t, fsys); len(problems) > 0 {
				t.Errorf("check: %v", problems)
			}
		})
	}
}

func TestMissingFilesAreRefused(t *testing.T) {
	fsys := written(t, 20)
	paths, _ := segments(t, fsys)
	must(t, fsys.Remove(paths[1]))
	_, err := stream.Open(t.Context(), fsys, dir, stream.Options{})
	refused(t, err, paths[2])
	if problems := check(t, fsys); len(problems) == 0 {
		t.Error("check found nothing")
	}
	_, err = stream.Repair(t.Context(), fsys, dir, stream.Known{})
	must(t, err)
	s := open(t, fsys, dir, stream.Options{})
	n, err := count(t, s)
	if gaps := s.Gaps()[one]; err != nil || len(gaps) != 1 || n >= 80 {
		t.Errorf("%d records, gaps %v, %v", n, gaps, err)
	}
	must(t, s.Close())

	fsys = written(t, 20)
	must(t, fsys.Remove(filepath.Join(dir, "stream.json")))
	if _, err := stream.Open(t.Context(), fsys, dir, stream.Options{}); !errors.Is(err, lake.ErrCorrupt) {
		t.Errorf("without the meta file: %v", err)
	}
	for _, p := range paths {
		if err := fsys.Remove(p); err != nil && !disk.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

func TestAShardWithoutSegmentsIsRefused(t *testing.T) {
	fsys := written(t, 3)
	paths, _ := segments(t, fsys)
	for _, p := range paths {
		must(t, fsys.Remove(p))
	}
	if _, err := stream.Open(t.Context(), fsys, dir, stream.Options{}); !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" {
		t.Fatalf("err = %v", err)
	}
	// Whoever knows how far it had come can go on without using a position twice.
	_, err := stream.Repair(t.Context(), fsys, dir, stream.Known{Read: map[lake.ShardID]lake.Position{one: lake.Pos(12)}})
	must(t, err)
	s := open(t, fsys, dir, stream.Options{})
	must(t, s.Append(t.Context(), streamtest.Events(0, 12, 1, 200)))
	var b lake.Batch
	must(t, s.Read(t.Context(), one, lake.Position{}, 1, &b))
	if b.Records[0].Position != lake.Pos(13) {
		t.Errorf("position %s", b.Records[0].Position)
	}
	must(t, s.Close())
}

func TestAConsumerAheadOfTheLogMeansLoss(t *testing.T) {
	fsys := written(t, 20)
	s := open(t, fsys, dir, stream.Options{})
	c, err := s.Consumer("reader")
	must(t, err)
	must(t, c.Save(t.Context(), map[lake.ShardID]lake.Position{one: lake.Pos(80)}))
	must(t, s.Close())
	paths, _ := segments(t, fsys)
	must(t, fsys.Damage(paths[len(paths)-1], cut(5))) // looks like a torn tail, but was read
	_, err = stream.Open(t.Context(), fsys, dir, stream.Options{})
	refused(t, err, "reader.json")
	if problems := check(t, fsys); !slices.ContainsFunc(problems, func(p stream.Problem) bool { return strings.Contains(p.Path, "reader") }) {
		t.Errorf("check: %v", problems)
	}
	_, err = stream.Repair(t.Context(), fsys, dir, stream.Known{})
	must(t, err)
	s = open(t, fsys, dir, stream.Options{})
	if got := fmt.Sprint(s.Gaps()); got != "map[shard-000:[(76..80]]]" {
		t.Errorf("gaps %s", got)
	}
	// At the end there is only the gap: nothing to read, and nothing to spin on.
	ctx, cancel := shortly(t)
	defer cancel()
	if err := s.Wait(ctx, one, lake.Pos(76)); err == nil {
		t.Error("wait returned, but there is nothing to read")
	}
	must(t, s.Append(t.Context(), streamtest.Events(0, 80, 1, 200)))
	must(t, s.Wait(t.Context(), one, lake.Pos(76)))
	var b lake.Batch
	must(t, s.Read(t.Context(), one, lake.Pos(76), 1, &b))
	if len(b.Records) != 1 || b.Records[0].Position != lake.Pos(81) {
		t.Errorf("records %+v", b.Records)
	}
	must(t, s.Close())
}

func TestFilesOfAnotherStreamAreRefused(t *testing.T) {
	fsys := written(t, 20)
	paths, _ := segments(t, fsys)
	var other []byte
	{
		o := written(t, 20)
		var err error
		other, err = disk.ReadWhole(o, paths[1])
		must(t, err)
	}
	must(t, fsys.Damage(paths[1], func([]byte) []byte { return other }))
	_, err := stream.Open(t.Context(), fsys, dir, stream.Options{})
	refused(t, err, paths[1])
}

// TestABodyCannotPassForAFrame sends the bytes of a stored frame as a body and
// tears the frame that carries it: the copy inside must not count as a frame.
func TestABodyCannotPassForAFrame(t *testing.T) {
	fsys := crashfs.New(1)
	other := crashfs.New(2)
	s := open(t, other, dir, stream.Options{Shards: 1})
	must(t, s.Append(t.Context(), streamtest.Events(0, 0, 100, 30)))
	must(t, s.Append(t.Context(), streamtest.Events(0, 100, 4, 30)))
	must(t, s.Close())
	paths, _ := segments(t, other)
	hostile, err := disk.ReadWhole(other, paths[len(paths)-1])
	must(t, err)

	s = open(t, fsys, dir, stream.Options{Shards: 1})
	must(t, s.Append(t.Context(), streamtest.Events(0, 0, 12, 200)))
	e := streamtest.Event(0, 12, 10)
	e.Body = hostile
	must(t, s.Append(t.Context(), []lake.Event{e}))
	fsys = fsys.Kill()
	paths, _ = segments(t, fsys)
	must(t, fsys.Damage(paths[len(paths)-1], cut(3)))
	s = open(t, fsys, dir, stream.Options{})
	if n, err := count(t, s); n != 12 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	must(t, s.Close())
}

func TestUnknownVersionIsRefused(t *testing.T) {
	fsys := written(t, 1)
	must(t, disk.WriteWhole(fsys, filepath.Join(dir, "stream.json"), writeText(`{"content":{"version":2,"shards":1,"salt":"1"},"crc32c":"`+crcOf(`{"version":2,"shards":1,"salt":"1"}`)+"\"}\n")))
	if _, err := stream.Open(t.Context(), fsys, dir, stream.Options{}); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Errorf("err = %v", err)
	}
}

// A name in capitals and a space after the object are the same to a reader of
// JSON, not to the disk.
func TestEachBitOfTheSmallFilesCounts(t *testing.T) {
	for _, name := range []string{"stream.json", "ends.json"} {
		path := filepath.Join(dir, name)
		fsys := written(t, 2)
		whole, err := disk.ReadWhole(fsys, path)
		must(t, err)
		for bit := range 8 * len(whole) {
			must(t, fsys.Damage(path, func([]byte) []byte {
				harmed := bytes.Clone(whole)
				harmed[bit/8] ^= 1 << (bit % 8)
				return harmed
			}))
			if problems := check(t, fsys); len(problems) != 1 || problems[0].Path != path {
				t.Errorf("bit %d of byte %d of %s (%q) is flipped, and check says %v", bit%8, bit/8, name, whole[bit/8], problems)
			}
		}
		must(t, fsys.Damage(path, func([]byte) []byte { return whole }))
		if problems := check(t, fsys); len(problems) != 0 {
			t.Errorf("%s is whole again, and check says %v", name, problems)
		}
	}
}
