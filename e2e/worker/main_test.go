// Package worker tries `lake worker` from the outside: real processes on an
// emulated AWS that are killed, stopped and ended while a stream fills and
// splits, and then a recount of everything that they have left.
package worker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(built()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// built is where this test run builds the lake.
func built() string { return filepath.Join(os.TempDir(), fmt.Sprint("lake-e2e-worker-", os.Getpid())) }

// binary is the path of the lake binary: LAKE_BIN, or one built once for this
// test run.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("LAKE_BIN"); path != "" {
		return filepath.Abs(path)
	}
	path := filepath.Join(built(), "lake")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/eventlake/lake/cmd/lake").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build lake: %w\n%s", err, out)
	}
	return path, nil
})

// patience bounds every wait for something that another process does.
const patience = time.Minute

// await polls until a condition of another process holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %s", what, patience)
		}
	}
}

// arrived waits for a signal of a gate or a process.
func arrived(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: not after %s", what, patience)
	}
}
