package stream_test

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/streamtest"
	"github.com/eventlake/lake/local/stream"
)

// Who asks whether the stream is ready sends nothing while it is not: it becomes
// ready by itself when there is room, or by an append that finds some.
func TestAStreamWithoutRoomIsNotReadyUntilThereIsSome(t *testing.T) {
	for what, again := range map[string]func(*testing.T, *crashfs.FS, *stream.Stream){
		"room": func(_ *testing.T, fsys *crashfs.FS, _ *stream.Stream) { fsys.Limit(0); time.Sleep(time.Second) },
		"an append": func(t *testing.T, fsys *crashfs.FS, s *stream.Stream) {
			fsys.Limit(0)
			must(t, s.Append(t.Context(), streamtest.Events(0, 1, 1, 10)))
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := crashfs.New(1)
				s := open(t, fsys, dir, stream.Options{Shards: 1})
				must(t, s.Ready())
				fsys.Limit(fsys.Used() + 500)
				if err := s.Append(t.Context(), streamtest.Events(0, 0, 1, 1000)); !errors.Is(err, lake.ErrFull) {
					t.Fatal(err)
				}
				for range 3 { // looking for room does not make it forget
					if err := s.Ready(); !errors.Is(err, lake.ErrFull) || lake.Hint(err) == "" {
						t.Fatalf("%v, hint %q", err, lake.Hint(err))
					}
					time.Sleep(time.Second)
				}
				used := fsys.Used()
				again(t, fsys, s)
				if err := s.Ready(); err != nil {
					t.Errorf("not ready: %v", err)
				}
				if what == "room" && fsys.Used() != used {
					t.Errorf("looking for room left %d bytes", fsys.Used()-used)
				}
				must(t, s.Close())
			})
		})
	}
}

func TestAStreamThatStoppedItselfIsNotReady(t *testing.T) {
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 1})
	fsys.Inject(crashfs.Fault{N: fsys.Ops() + 1, Err: syscall.EIO})
	if err := s.Append(t.Context(), streamtest.Events(0, 0, 1, 10)); err == nil {
		t.Fatal("stored")
	}
	if err := s.Ready(); !errors.Is(err, lake.ErrClosed) {
		t.Errorf("%v", err)
	}
	_ = s.Close() // it has failed already
}
