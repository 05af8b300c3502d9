package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/storetest"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/store"
)

func TestContractOnDisk(t *testing.T) {
	storetest.Suite(t, func(t *testing.T) (lake.Store, func() lake.Store) {
		root := filepath.Join(t.TempDir(), "data")
		return store.New(disk.OS{}, root), func() lake.Store { return store.New(disk.OS{}, root) }
	})
}

func TestContractThroughCrashes(t *testing.T) {
	storetest.Suite(t, func(*testing.T) (lake.Store, func() lake.Store) {
		fsys := crashfs.New(1)
		return store.New(fsys, "data"), func() lake.Store {
			fsys = fsys.Crash()
			return store.New(fsys, "data")
		}
	})
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// creates makes four objects, twice each, and returns those that Create said
// are there.
func creates(ctx context.Context, s *store.Store) (done []lake.Key, err error) {
	for i := range 4 {
		key := lake.Key(fmt.Sprintf("raw/type=%d/sub/k", i%2*2+i/2))
		for range 2 {
			if _, err := s.Create(ctx, key, text(string(key))); err != nil {
				return done, err
			}
			done = append(done, key)
		}
		if i == 2 {
			if err := s.Delete(ctx, done[0]); err != nil {
				return done[2:], err
			}
			done = done[2:]
		}
	}
	return done, nil
}

// TestWhatCreateReturnedSurvives takes the machine away at every operation, by
// a power cut, a kill, or a kill with a power cut later, and lets single
// operations fail.
func TestWhatCreateReturnedSurvives(t *testing.T) {
	ctx := t.Context()
	runs := 0
	for _, halt := range []bool{true, false} {
		for _, after := range []bool{true, false} {
			for n := 1; ; n++ {
				fired := false
				for seed := range uint64(4) {
					fsys := crashfs.New(seed)
					fsys.Inject(crashfs.Fault{N: n, After: after, Halt: halt, Short: float64(seed) / 5})
					done, err := creates(ctx, store.New(fsys, "data"))
					fired = fsys.Fired() > 0
					if err == nil && fired && halt {
						t.Fatalf("operation %d: the machine went down and nobody noticed", n)
					}
					if seed%2 == 0 {
						fsys = fsys.Kill()
					} else {
						fsys = fsys.Crash()
					}
					next := store.New(fsys, "data")
					check(t, next, done)
					if done, err = creates(ctx, next); err != nil {
						t.Fatalf("operation %d: again: %v", n, err)
					}
					fsys = fsys.Crash()
					check(t, store.New(fsys, "data"), done)
					runs++
				}
				if !fired {
					break
				}
			}
		}
	}
	t.Logf("%d runs", runs)
}

func check(t *testing.T, s *store.Store, done []lake.Key) {
	t.Helper()
	for _, key := range done {
		o, err := s.Open(t.Context(), key)
		if err != nil {
			t.Fatalf("%s was created: %v", key, err)
		}
		if got, err := io.ReadAll(o); err != nil || string(got) != string(key) {
			t.Fatalf("%s reads %q, %v", key, got, err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Bytes != int64(len(info.Key)) {
			t.Fatalf("%s is visible with %d bytes", info.Key, info.Bytes)
		}
	}
}

func TestFullDiskLeavesNothing(t *testing.T) {
	fsys := crashfs.New(1)
	s := store.New(fsys, "data")
	fsys.Limit(1000)
	_, err := s.Create(t.Context(), "a/b", text(strings.Repeat("x", 2000)))
	if !errors.Is(err, lake.ErrFull) || lake.Hint(err) == "" {
		t.Fatalf("create: %v", err)
	}
	if fsys.Used() != 0 {
		t.Fatalf("%d bytes are left", fsys.Used())
	}
	fsys.Limit(0)
	if _, err := s.Create(t.Context(), "a/b", text("x")); err != nil {
		t.Fatal(err)
	}
}

func TestCleanTempRemovesWhatAKilledWriterLeft(t *testing.T) {
	fsys := crashfs.New(1)
	s := store.New(fsys, "data")
	if _, err := s.Create(t.Context(), "raw/a", text("raw/a")); err != nil {
		t.Fatal(err)
	}
	_, err := s.Create(t.Context(), "raw/b", func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 100_000)); err != nil {
			return err
		}
		fsys = fsys.Kill()
		return nil
	})
	if !errors.Is(err, crashfs.ErrDown) {
		t.Fatalf("create: %v", err)
	}
	s = store.New(fsys, "data")
	for want := range 2 {
		if n, err := s.CleanTemp(t.Context(), "raw/", 0); err != nil || n != 1-want {
			t.Fatalf("removed %d, %v", n, err)
		}
	}
	check(t, store.New(fsys, "data"), nil)
	if fsys.Used() != int64(len("raw/a")) {
		t.Fatalf("%d bytes are left", fsys.Used())
	}
}

// TestNoPatternOfAReaderTakesAnUnfinishedFile: other programs read the files of
// raw and tables by their endings.
func TestNoPatternOfAReaderTakesAnUnfinishedFile(t *testing.T) {
	root := t.TempDir()
	s := store.New(disk.OS{}, root)
	matching := func() int {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(root, "raw", "day=01", "*.gz"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if _, err := s.Create(t.Context(), "raw/day=01/part-1.ndjson.gz", func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		files, err := os.ReadDir(filepath.Join(root, "raw", "day=01"))
		if err != nil {
			return err
		}
		if n := matching(); n != 0 || len(files) != 1 {
			t.Errorf("%d of the %d files match *.gz while the first is being written", n, len(files))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := matching(); n != 1 {
		t.Errorf("%d files match *.gz after one was written", n)
	}
}

func TestDeleteRemovesEmptyDirectories(t *testing.T) {
	root := filepath.Join(t.TempDir(), "data")
	s := store.New(disk.OS{}, root)
	for _, k := range []lake.Key{"a/b/c/d", "a/e"} {
		if _, err := s.Create(t.Context(), k, text("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "a/b/c/d"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "a/b")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a/b: %v", err)
	}
	// Somebody removes the rest behind the store's back.
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), "a/e", text("y")); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyDirectoryIsAnError(t *testing.T) {
	fsys := crashfs.New(1)
	fsys.Inject(crashfs.Fault{N: 1, Err: syscall.EROFS})
	if _, err := store.New(fsys, "data").Create(t.Context(), "a", text("x")); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("create: %v", err)
	}
}

// BenchmarkFlush makes 100 objects of 20 KB in 100 directories, as a flush of
// raw files does, by so many goroutines.
func BenchmarkFlush(b *testing.B) {
	data := strings.Repeat("0123456789", 2000)
	for _, workers := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			s := store.New(disk.OS{}, b.TempDir())
			flush := 0
			for b.Loop() {
				flush++
				var wg sync.WaitGroup
				for w := range workers {
					wg.Go(func() {
						for i := w; i < 100; i += workers {
							key := lake.Key(fmt.Sprintf("raw/t=%d/s/part-%d", i, flush))
							if _, err := s.Create(b.Context(), key, text(data)); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
			}
		})
	}
}

// TestAnErrorNamesTheObjectOnce: by its key, and not by its path in the file
// system as well.
func TestAnErrorNamesTheObjectOnce(t *testing.T) {
	for what, do := range map[string]func(*store.Store) error{
		"a missing object": func(s *store.Store) error {
			_, err := s.Open(t.Context(), "raw/missing")
			return err
		},
		"a disk that fails": func(s *store.Store) error { return s.Delete(t.Context(), "raw/there") },
		"other bytes": func(s *store.Store) error {
			_, err := s.Create(t.Context(), "raw/there", text("other"))
			return err
		},
	} {
		fsys := crashfs.New(1)
		s := store.New(fsys, "data")
		if _, err := s.Create(t.Context(), "raw/there", text("x")); err != nil {
			t.Fatal(err)
		}
		if what == "a disk that fails" {
			fsys.Inject(crashfs.Fault{N: fsys.Ops() + 1})
		}
		err := do(s)
		if err == nil || strings.Count(err.Error(), "raw/") != 1 {
			t.Errorf("%s: %v", what, err)
		}
	}
}
