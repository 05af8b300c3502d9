// Package worker tries `lake worker` from the outside: real processes on an
// emulated AWS that are killed, stopped and ended while a stream fills and
// splits, and then a recount of everything that they have left.
package worker

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake/laketest/built"
)

func TestMain(m *testing.M) { os.Exit(built.Main(m)) }

// binary is the path of the lake binary, which is made once for this test run.
var binary = sync.OnceValues(built.Lake)

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
