package disk_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/local/disk"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// TestWriteWholeUnderEveryFault stops the machine, or fails, at each of its
// operations: the old or the new content is there, never anything else.
func TestWriteWholeUnderEveryFault(t *testing.T) {
	for n := 1; ; n++ {
		fired := false
		for _, ft := range []crashfs.Fault{{N: n}, {N: n, After: true}, {N: n, Halt: true}, {N: n, Halt: true, After: true}, {N: n, Short: 0.5, Err: syscall.ENOSPC}} {
			for seed := range uint64(20) {
				fsys := crashfs.New(seed)
				must(t, fsys.Mkdir("d"))
				must(t, disk.WriteWhole(fsys, "d/f", text("old content")))
				ft.N = n + fsys.Ops()
				fsys.Inject(ft)
				err := disk.WriteWhole(fsys, "d/f", text("new content"))
				fired = fired || fsys.Fired() > 0
				got, rerr := disk.ReadWhole(fsys.Crash(), "d/f")
				must(t, rerr)
				if s := string(got); s != "new content" && (err == nil || s != "old content") {
					t.Fatalf("fault %+v, seed %d: %q left, err %v", ft, seed, s, err)
				}
			}
		}
		if !fired {
			if n < 6 {
				t.Fatalf("only %d operations", n-1)
			}
			return
		}
	}
}

func TestFullNamesWhatToDo(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, &os.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT}} {
		if got := disk.Full(err); !errors.Is(got, lake.ErrFull) || lake.Hint(got) == "" {
			t.Errorf("%v -> %v", err, got)
		}
	}
	if err := fmt.Errorf("other"); !errors.Is(disk.Full(err), err) || disk.Full(nil) != nil {
		t.Error("other errors stay as they are")
	}
}

func TestMkdirMakesParentsAndRefusesFiles(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b", "c")
	must(t, disk.OS{}.Mkdir(deep))
	must(t, disk.OS{}.Mkdir(deep))
	must(t, os.WriteFile(filepath.Join(root, "f"), nil, 0o600))
	if err := (disk.OS{}).Mkdir(filepath.Join(root, "f")); err == nil {
		t.Error("a file is no directory")
	}
	if err := (disk.OS{}).Mkdir(filepath.Join(root, "f", "g")); err == nil {
		t.Error("a file has no directories")
	}
}

func TestMkdirDurableSettlesWhatAnotherProcessMade(t *testing.T) {
	for seed := range uint64(50) {
		fsys := crashfs.New(seed)
		fsys.Inject(crashfs.Fault{N: 2, Halt: true}) // made, and killed before the parent's sync
		if err := fsys.Mkdir("a/b"); err == nil {
			t.Fatal("no fault")
		}
		fsys = fsys.Kill()
		must(t, disk.MkdirDurable(fsys, "a/b"))
		if _, err := fsys.Crash().ReadDir("a/b"); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	must(t, disk.MkdirDurable(disk.OS{}, filepath.Join(t.TempDir(), "x", "y")))
}
