// Package built builds the lake for tests of the program from the outside.
package built

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const prefix = "lake-e2e-"

// maxPID is the largest process id that a system gives.
const maxPID = 1 << 22

// dir is where the process with the id builds.
func dir(pid int) string { return filepath.Join(os.TempDir(), prefix+strconv.Itoa(pid)) }

// Lake builds the lake into a directory of this process and returns its path;
// LAKE_BIN names one that is taken instead. First it removes what test runs left
// that were killed or took too long. Remove is for the end of the tests.
func Lake() (string, error) {
	if path := os.Getenv("LAKE_BIN"); path != "" {
		return filepath.Abs(path)
	}
	if err := errors.Join(Sweep(), Remove()); err != nil {
		return "", err
	}
	path := filepath.Join(dir(os.Getpid()), "lake")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/eventlake/lake/cmd/lake").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build lake: %w\n%s", err, out)
	}
	return path, nil
}

// Main runs the tests of a package that uses Lake and removes what was built; it
// returns the exit code.
func Main(m interface{ Run() int }) int {
	code := m.Run()
	if err := Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Remove removes what this process has built. It may be called again.
func Remove() error { return os.RemoveAll(dir(os.Getpid())) }

// Sweep removes what processes have built that are gone.
func Sweep() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range dirs {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(d), prefix))
		if err == nil && pid > 0 && pid <= maxPID && gone(pid) {
			errs = append(errs, os.RemoveAll(d))
		}
	}
	return errors.Join(errs...)
}

// gone reports whether no process has the id.
func gone(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	return errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
