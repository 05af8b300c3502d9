package stream_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/streamtest"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/stream"
)

// TestALogThatLostItsEndSaysSo takes the end of a log of 80 records away, of
// which the last segment has 8, behind a process that closed the stream and
// behind one that was killed. What others know is that 70 were read.
func TestALogThatLostItsEndSaysSo(t *testing.T) {
	all, _ := segments(t, written(t, 20))
	last := all[len(all)-1]
	empty := func(fsys *crashfs.FS) error { return fsys.Damage(last, func([]byte) []byte { return nil }) }
	zero := func(fsys *crashfs.FS) error {
		return fsys.Damage(last, func(b []byte) []byte { clear(b); return b })
	}
	remove := func(paths ...string) func(*crashfs.FS) error {
		return func(fsys *crashfs.FS) (err error) {
			for _, p := range paths {
				err = errors.Join(err, fsys.Remove(p))
			}
			return err
		}
	}
	frames := func(n int64) func(*crashfs.FS) error { // the head and n bytes are left
		return func(fsys *crashfs.FS) error {
			return fsys.Damage(last, func(b []byte) []byte { return b[:64+n] })
		}
	}
	none := "no problem"
	for _, tt := range []struct {
		name   string
		harm   func(*crashfs.FS) error
		closed string // the gap when the stream was closed: everything is known
		killed string // the gap when the process was killed
		unsure string // and the position behind which more was lost
	}{
		{"the last segment is emptied", empty, "(72..80]", "[]", "72"},
		{"the last segment is all zeros", zero, "(72..80]", "[]", "72"},
		{"the last segment is deleted", remove(last), "(72..80]", "[]", "72"},
		{"the last three segments are deleted", remove(all[len(all)-3:]...), "(56..80]", "(56..72]", "72"},
		{"all segments are deleted", remove(all...), "(60..80]", "(60..72]", "72"},
		{"all segments are deleted, and stream.json", remove(append(all, filepath.Join(dir, "stream.json"))...), "(60..80]", "(60..72]", "72"},
		{"everything is deleted", remove(append(all, filepath.Join(dir, "stream.json"), filepath.Join(dir, "ends.json"))...), "(0..70]", "(0..70]", "70"},
		{"the last segment has no frame", frames(0), "(72..80]", none, ""},
		{"the last frame is torn", frames(1200), "(76..80]", none, ""},
	} {
		for _, killed := range []bool{false, true} {
			name, gap, unsure := "closed", tt.closed, ""
			if killed {
				name, gap, unsure = "killed", tt.killed, tt.unsure
			} else if tt.name == "everything is deleted" {
				unsure = "70"
			}
			t.Run(tt.name+", "+name, func(t *testing.T) {
				fsys := left(t, 20, killed)
				must(t, tt.harm(fsys))
				harmful := 0
				for _, p := range check(t, fsys) {
					if !p.Harmless {
						harmful++
					}
				}
				s, err := stream.Open(t.Context(), fsys, dir, stream.Options{Shards: 1})
				if gap == none {
					if must(t, err); harmful > 0 {
						t.Errorf("check finds %d problems", harmful)
					}
					must(t, s.Close())
					return
				}
				if harmful == 0 {
					t.Error("check finds nothing")
				}
				if err == nil { // a new stream, as nothing is left: the others know better
					must(t, s.Close())
				} else if !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" {
					t.Errorf("open: %v", err)
				}
				var told []string
				known := stream.Known{
					Read: map[lake.ShardID]lake.Position{one: lake.Pos(70)}, Decided: map[lake.ShardID]lake.Position{one: lake.Pos(60)},
					EndLost: func(id lake.ShardID, after lake.Position) error {
						told = append(told, after.String())
						return nil
					},
				}
				done, err := stream.Repair(t.Context(), fsys, dir, known)
				must(t, err)
				if got := fmt.Sprint(done.Lost[one]); strings.Trim(got, "[]") != strings.Trim(gap, "[]") {
					// spans end in brackets themselves
					t.Errorf("lost %s, want %s", got, gap)
				}
				if got := strings.Join(told, " "); got != unsure {
					t.Errorf("more was lost behind %q, want %q", got, unsure)
				}
				if problems := check(t, fsys); len(problems) > 0 {
					t.Errorf("after the repair: %v", problems)
				}
				if again, err := stream.Repair(t.Context(), fsys, dir, known); err != nil || len(again.Segments) > 0 {
					t.Errorf("second repair: %+v, %v", again, err)
				}
				s = open(t, fsys, dir, stream.Options{})
				must(t, s.Append(t.Context(), streamtest.Events(0, 9999, 1, 200)))
				shards, err := s.Shards(t.Context())
				must(t, err)
				if n, _ := shards[0].Last.Uint64(); n <= 70 || !killed && unsure == "" && n != 81 {
					t.Errorf("the next record got position %d", n)
				}
				must(t, s.Close())
			})
		}
	}
}

// TestALogThatLostItsBeginningIsMarked deletes first segments: as far as all
// was decided that is what trimming does.
func TestALogThatLostItsBeginningIsMarked(t *testing.T) {
	for decided, want := range map[uint64]string{80: "[]", 16: "[]", 10: "[(10..16]]", 0: "[(0..16]]"} {
		fsys := written(t, 20)
		paths, _ := segments(t, fsys)
		must(t, fsys.Remove(paths[0]))
		must(t, fsys.Remove(paths[1]))
		known := stream.Known{Decided: map[lake.ShardID]lake.Position{one: lake.Pos(decided)}}
		done, err := stream.Repair(t.Context(), fsys, dir, known)
		must(t, err)
		if got := fmt.Sprint(done.Lost[one]); got != want {
			t.Errorf("%d were decided: lost %s, want %s", decided, got, want)
		}
		s := open(t, fsys, dir, stream.Options{})
		var b lake.Batch
		must(t, s.Read(t.Context(), one, lake.Pos(min(decided, 72)), 1, &b))
		if at, _ := b.Records[0].Position.Uint64(); at != max(min(decided, 72), 16)+1 {
			t.Errorf("%d were decided: it goes on at %d", decided, at)
		}
		must(t, s.Close())
		if again, err := stream.Repair(t.Context(), fsys, dir, known); err != nil || len(again.Segments) > 0 {
			t.Errorf("second repair: %+v, %v", again, err)
		}
		if problems := check(t, fsys); len(problems) > 0 {
			t.Errorf("after the repair: %v", problems)
		}
	}
}

// TestAMissingDirectoryDoesNotHideAShard loses the first of three shards and
// stream.json.
func TestAMissingDirectoryDoesNotHideAShard(t *testing.T) {
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 3})
	must(t, s.Append(t.Context(), streamtest.Events(0, 0, 200, 20)))
	before, err := s.Shards(t.Context())
	must(t, err)
	must(t, s.Close())
	paths, _ := segments(t, fsys)
	for _, p := range append(paths, filepath.Join(dir, string(one)), filepath.Join(dir, "stream.json")) {
		must(t, fsys.Remove(p))
	}
	_, err = stream.Repair(t.Context(), fsys, dir, stream.Known{})
	must(t, err)
	s = open(t, fsys, dir, stream.Options{})
	after, err := s.Shards(t.Context())
	must(t, err)
	if fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the shards were %v and are %v", before, after)
	}
	must(t, s.Close())
}

func TestADamagedNoteIsNamedAndMadeAgain(t *testing.T) {
	fsys := written(t, 20)
	path := filepath.Join(dir, "ends.json")
	must(t, fsys.Damage(path, flip(20)))
	_, err := stream.Open(t.Context(), fsys, dir, stream.Options{})
	refused(t, err, path)
	if problems := check(t, fsys); len(problems) != 1 || problems[0].Path != path {
		t.Errorf("check: %v", problems)
	}
	_, err = stream.Repair(t.Context(), fsys, dir, stream.Known{})
	must(t, err)
	must(t, open(t, fsys, dir, stream.Options{}).Close())
	if _, err := disk.ReadWhole(fsys, path); err != nil {
		t.Error(err)
	}
}
