package crashfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/local/disk"
)

// TestBehavesLikeTheOperatingSystem runs the same random operations on both.
func TestBehavesLikeTheOperatingSystem(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			real := dialogue(t, disk.OS{}, t.TempDir(), seed)
			mem := crashfs.New(seed)
			if err := mem.Mkdir("/some/where"); err != nil {
				t.Fatal(err)
			}
			got := dialogue(t, mem, "/some/where", seed)
			for i := range real {
				if got[i] != real[i] {
					t.Fatalf("step %d:\n crashfs %s\n os      %s", i, got[i], real[i])
				}
			}
		})
	}
}

// dialogue runs random operations and returns what each one answered.
func dialogue(t *testing.T, fsys disk.FS, root string, seed uint64) []string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	name := func() string {
		return filepath.Join(root, []string{"a", "b", "c", "d/a", "d/b", "d", "e", "e/a", "d/f"}[rng.IntN(9)])
	}
	var open []disk.File
	var log []string
	say := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
	for range 300 {
		switch op := rng.IntN(16); op {
		case 0, 1:
			p := name()
			f, err := fsys.Create(p)
			say("create %s", class(err))
			if err == nil {
				open = append(open, f)
			}
		case 2:
			f, err := fsys.Append(name())
			say("append %s", class(err))
			if err == nil {
				open = append(open, f)
			}
		case 3, 4:
			data, err := disk.ReadWhole(fsys, name())
			say("read %x %s", data, class(err))
		case 5:
			say("rename %s", class(fsys.Rename(name(), name())))
		case 6:
			say("remove %s", class(fsys.Remove(name())))
		case 7:
			say("mkdir %s", class(fsys.Mkdir(name())))
		case 8:
			es, err := fsys.ReadDir(filepath.Dir(name()))
			for i := range es {
				es[i].ModTime = time.Time{}
				if es[i].Dir {
					es[i].Size = 0
				}
			}
			say("readdir %v %s", es, class(err))
		case 9:
			say("syncdir %s", class(fsys.SyncDir(root)))
		default:
			if len(open) == 0 {
				continue
			}
			i := rng.IntN(len(open))
			f := open[i]
			buf := make([]byte, rng.IntN(40))
			switch op {
			case 10, 11, 12:
				for i := range buf {
					buf[i] = byte(rng.Uint32())
				}
				n, err := f.Write(buf)
				say("write %d %s", n, class(err))
			case 13:
				say("truncate %s", class(f.Truncate(rng.Int64N(60))))
			case 14:
				n, err := f.ReadAt(buf, rng.Int64N(50))
				size, serr := f.Size()
				say("readat %x %s size %d %s", buf[:n], class(err), size, class(serr))
			case 15:
				if rng.IntN(2) == 0 {
					n, err := f.Read(buf)
					say("read %x %s", buf[:n], class(err))
					continue
				}
				say("sync %s close %s again %s", class(f.Sync()), class(f.Close()), class(f.Close()))
				open = append(open[:i], open[i+1:]...)
			}
		}
	}
	for _, f := range open {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

// class is what callers may tell apart.
func class(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, io.EOF):
		return "eof"
	case errors.Is(err, fs.ErrNotExist):
		return "not exist"
	case errors.Is(err, fs.ErrClosed):
		return "closed"
	}
	return "error"
}

func TestWriteWholeLeavesNothingBehindWhenItFails(t *testing.T) {
	fsys := crashfs.New(1)
	boom := errors.New("boom")
	err := disk.WriteWhole(fsys, "/x", func(w io.Writer) error {
		if _, err := io.Copy(w, bytes.NewReader([]byte("half"))); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("err = %v", err)
	}
	if es, err := fsys.ReadDir("/"); err != nil || len(es) != 0 {
		t.Fatalf("left %v, %v", es, err)
	}
}
