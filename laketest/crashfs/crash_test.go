package crashfs_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/local/disk"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, fsys disk.FS, path, content string) disk.File {
	t.Helper()
	f, err := fsys.Create(path)
	must(t, err)
	_, err = io.WriteString(f, content)
	must(t, err)
	return f
}

func read(fsys disk.FS, path string) string {
	data, err := disk.ReadWhole(fsys, path)
	if disk.IsNotExist(err) {
		return "(none)"
	}
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(data)
}

// outcomes crashes the same history under many seeds and counts what was left.
func outcomes(t *testing.T, path string, history func(t *testing.T, fsys *crashfs.FS)) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range uint64(400) {
		fsys := crashfs.New(seed)
		history(t, fsys)
		seen[read(fsys.Crash(), path)]++
	}
	return seen
}

func TestAfterACrash(t *testing.T) {
	tests := []struct {
		name    string
		history func(t *testing.T, fsys *crashfs.FS)
		always  bool     // want is all there may be
		want    []string // must be seen
	}{
		{"synced content under a synced name survives", func(t *testing.T, fsys *crashfs.FS) {
			must(t, create(t, fsys, "f", "whole").Sync())
			must(t, fsys.SyncDir("/"))
		}, true, []string{"whole"}},
		{"a name that was not synced may be lost", func(t *testing.T, fsys *crashfs.FS) {
			must(t, create(t, fsys, "f", "whole").Sync())
		}, true, []string{"whole", "(none)"}},
		{"content that was not synced may be lost, whole or in part", func(t *testing.T, fsys *crashfs.FS) {
			create(t, fsys, "f", "whole")
			must(t, fsys.SyncDir("/"))
		}, false, []string{"", "whole", "wh", "wh\x00\x00\x00"}},
		{"what was synced stays before a torn tail", func(t *testing.T, fsys *crashfs.FS) {
			f := create(t, fsys, "f", "whole")
			must(t, f.Sync())
			must(t, fsys.SyncDir("/"))
			_, err := io.WriteString(f, "+")
			must(t, err)
		}, false, []string{"whole", "whole+", "whole\x00"}},
		{"a rename happens or not", func(t *testing.T, fsys *crashfs.FS) {
			must(t, create(t, fsys, "f", "old").Sync())
			must(t, create(t, fsys, "g", "new").Sync())
			must(t, fsys.SyncDir("/"))
			must(t, fsys.Rename("g", "f"))
		}, true, []string{"old", "new"}},
		{"a removal happens or not", func(t *testing.T, fsys *crashfs.FS) {
			must(t, create(t, fsys, "f", "old").Sync())
			must(t, fsys.SyncDir("/"))
			must(t, fsys.Remove("f"))
		}, true, []string{"old", "(none)"}},
		{"a rotation never loses the old file", func(t *testing.T, fsys *crashfs.FS) {
			must(t, fsys.Mkdir("d"))
			must(t, create(t, fsys, "d/log", "old").Sync())
			must(t, fsys.SyncDir("d"))
			must(t, fsys.Rename("d/log", "f"))
			must(t, create(t, fsys, "d/log", "new").Sync())
			must(t, fsys.SyncDir("d"))
		}, true, []string{"old"}},
		{"a truncation happens or not", func(t *testing.T, fsys *crashfs.FS) {
			f := create(t, fsys, "f", "whole")
			must(t, f.Sync())
			must(t, fsys.SyncDir("/"))
			must(t, f.Truncate(2))
		}, true, []string{"whole", "wh"}},
		{"a failed sync loses what it should have saved, and the next one does not help", func(t *testing.T, fsys *crashfs.FS) {
			f := create(t, fsys, "f", "whole")
			must(t, f.Sync())
			must(t, fsys.SyncDir("/"))
			_, err := io.WriteString(f, "+")
			must(t, err)
			fsys.Inject(crashfs.Fault{N: fsys.Ops() + 1})
			if err := f.Sync(); !errors.Is(err, syscall.EIO) {
				t.Fatalf("sync: %v", err)
			}
			must(t, f.Sync())
		}, true, []string{"whole\x00", "whole+"}},
		{"a directory made by Mkdir is there", func(t *testing.T, fsys *crashfs.FS) {
			must(t, fsys.Mkdir("a/b"))
			f := create(t, fsys, "a/b/f", "x")
			must(t, f.Sync())
			must(t, fsys.SyncDir("a/b"))
			must(t, fsys.Rename("a/b/f", "f"))
			must(t, fsys.SyncDir("a/b"))
		}, true, []string{"x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := outcomes(t, "f", tt.history)
			for _, w := range tt.want {
				if seen[w] == 0 {
					t.Errorf("never left %q: %v", w, seen)
				}
			}
			if tt.always && len(seen) != len(tt.want) {
				t.Errorf("left %v, want only %q", seen, tt.want)
			}
		})
	}
}

func TestAFailedSyncMayBeSeenUntilThePowerGoes(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(200) {
		fsys := crashfs.New(seed)
		f := create(t, fsys, "f", "")
		must(t, fsys.SyncDir("/"))
		_, err := io.WriteString(f, "+")
		must(t, err)
		fsys.Inject(crashfs.Fault{N: fsys.Ops() + 1})
		if f.Sync() == nil {
			t.Fatal("no fault")
		}
		next := fsys.Kill()
		before := read(next, "f")
		seen[before+" then "+read(next.Crash(), "f")]++
	}
	for _, want := range []string{"+ then ", "+ then \x00", "+ then +", "\x00 then "} {
		if seen[want] == 0 {
			t.Errorf("never %q: %v", want, seen)
		}
	}
}

func TestKillKeepsWhatWasWritten(t *testing.T) {
	lost := 0
	for seed := range uint64(50) {
		fsys := crashfs.New(seed)
		f := create(t, fsys, "f", "whole")
		after := fsys.Kill()
		if got := read(after, "f"); got != "whole" {
			t.Fatalf("after the kill: %q", got)
		}
		if _, err := f.Write([]byte("x")); !errors.Is(err, crashfs.ErrDown) {
			t.Fatalf("old handle: %v", err)
		}
		if _, err := fsys.Open("f"); !errors.Is(err, crashfs.ErrDown) {
			t.Fatalf("old file system: %v", err)
		}
		if read(after.Crash(), "f") != "whole" {
			lost++
		}
	}
	if lost == 0 {
		t.Error("a kill must not make anything durable")
	}
}

func TestCrashCanBeAskedForManyOutcomes(t *testing.T) {
	fsys := crashfs.New(3)
	create(t, fsys, "f", strings.Repeat("x", 100))
	seen := map[string]bool{}
	for range 100 {
		seen[read(fsys.Crash(), "f")] = true
	}
	if len(seen) < 10 {
		t.Errorf("only %d outcomes", len(seen))
	}
}

func TestFaults(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name  string
		fault crashfs.Fault // N 2 is the write
		err   error
		n     int
		left  string
	}{
		{"before its effect", crashfs.Fault{N: 2}, syscall.EIO, 0, ""},
		{"after its effect", crashfs.Fault{N: 2, After: true, Err: boom}, boom, 5, "hello"},
		{"a short write", crashfs.Fault{N: 2, Short: 0.5, Err: syscall.ENOSPC}, syscall.ENOSPC, 2, "he"},
		{"a halt", crashfs.Fault{N: 2, Halt: true, After: true}, crashfs.ErrDown, 5, "hello"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := crashfs.New(0)
			fsys.Inject(tt.fault)
			f, err := fsys.Create("f")
			must(t, err)
			n, err := f.Write([]byte("hello"))
			if n != tt.n || !errors.Is(err, tt.err) {
				t.Fatalf("write: %d, %v", n, err)
			}
			if fsys.Fired() != 1 || fsys.Ops() != 2 {
				t.Fatalf("fired %d, ops %d", fsys.Fired(), fsys.Ops())
			}
			if tt.fault.Halt {
				if err := f.Sync(); !errors.Is(err, crashfs.ErrDown) {
					t.Fatalf("after the halt: %v", err)
				}
			}
			if got := read(fsys.Kill(), "f"); got != tt.left {
				t.Fatalf("left %q", got)
			}
		})
	}
}

func TestLimitGivesShortWrites(t *testing.T) {
	fsys := crashfs.New(0)
	fsys.Limit(8)
	f := create(t, fsys, "a", "12345")
	n, err := f.Write([]byte("67890"))
	if n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("write: %d, %v", n, err)
	}
	must(t, f.Truncate(2))
	create(t, fsys, "b", "123456")
	if fsys.Used() != 8 {
		t.Fatalf("used %d", fsys.Used())
	}
	must(t, fsys.Remove("a"))
	create(t, fsys, "c", "12")
	must(t, fsys.Rename("c", "b"))
	if fsys.Used() != 2 {
		t.Fatalf("used %d", fsys.Used())
	}
}

func TestDamageIsOnTheDisk(t *testing.T) {
	fsys := crashfs.New(0)
	create(t, fsys, "f", "abc")
	must(t, fsys.SyncDir("/"))
	must(t, fsys.Damage("f", func(b []byte) []byte { b[1] ^= 1; return b }))
	if got := read(fsys.Crash(), "f"); got != "acc" {
		t.Fatalf("got %q", got)
	}
}

func TestTraceAndClock(t *testing.T) {
	fsys := crashfs.New(0)
	at := time.Unix(1e9, 0)
	fsys.SetClock(func() time.Time { return at })
	var ops []string
	fsys.Trace(func(op crashfs.Op) { ops = append(ops, fmt.Sprint(op.N, " ", op.Kind, " ", op.Path)) })
	must(t, create(t, fsys, "f", "abc").Sync())
	if got := strings.Join(ops, ", "); got != "1 create f, 2 write f, 3 sync f" {
		t.Fatal(got)
	}
	es, err := fsys.ReadDir("/")
	must(t, err)
	if !es[0].ModTime.Equal(at) {
		t.Fatal(es[0].ModTime)
	}
}

func TestConcurrentUseWhileTheMachineGoesDown(t *testing.T) {
	const record = "0123456789"
	fsys := crashfs.New(7)
	busy := make(chan struct{}, 4)
	var acked [4]int // records under a synced name, synced
	var wg sync.WaitGroup
	for i := range acked {
		wg.Go(func() {
			f, err := fsys.Create(fmt.Sprint("f", i))
			for err == nil {
				if _, err = io.WriteString(f, record); err == nil {
					err = f.Sync()
				}
				if err == nil {
					err = fsys.SyncDir("/")
				}
				if err == nil {
					if acked[i]++; acked[i] == 100 {
						busy <- struct{}{}
					}
				}
			}
			if !errors.Is(err, crashfs.ErrDown) {
				t.Error(err)
			}
		})
	}
	for range acked {
		<-busy
	}
	next := fsys.Crash()
	wg.Wait()
	for i, n := range acked {
		if !strings.HasPrefix(read(next, fmt.Sprint("f", i)), strings.Repeat(record, n)) {
			t.Errorf("file %d lost some of %d records", i, n)
		}
	}
}

func BenchmarkLife(b *testing.B) {
	for b.Loop() {
		fsys := crashfs.New(1)
		for i := range 10 {
			f, err := fsys.Create(fmt.Sprint("f", i))
			if err != nil {
				b.Fatal(err)
			}
			for range 10 {
				if _, err := f.Write(make([]byte, 1000)); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
			if err := fsys.SyncDir("/"); err != nil {
				b.Fatal(err)
			}
		}
		fsys.Crash()
	}
}

func TestUnclosedNamesWhatIsOpenUntilItIsClosed(t *testing.T) {
	fsys := crashfs.New(1)
	a := create(t, fsys, "a", "x")
	b, err := fsys.Open("a")
	must(t, err)
	dir, err := fsys.Open("")
	must(t, err)
	if got := fmt.Sprint(fsys.Unclosed()); got != "[ a a]" {
		t.Errorf("open are %s", got)
	}
	must(t, b.Close())
	must(t, dir.Close())
	fsys.Crash()
	if got := fmt.Sprint(fsys.Unclosed()); got != "[a]" {
		t.Errorf("after the crash open are %s", got)
	}
	if err := a.Close(); !errors.Is(err, crashfs.ErrDown) {
		t.Errorf("close on a machine that is down: %v", err)
	}
	if got := fsys.Unclosed(); len(got) != 0 {
		t.Errorf("after closing open are %q", got)
	}
}
