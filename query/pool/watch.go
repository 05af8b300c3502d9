package pool

import (
	"fmt"
	"os"
	"time"
)

// ExitMemory is the exit code of a process whose statement took more memory
// than it may.
const ExitMemory = 77

const (
	// allowance is what a statement may take beyond its part: the engine's part
	// does not count all that it allocates, and the answer is written in it.
	allowance = 128 << 20
	// mapped is what may be mapped beyond that without being used: stacks of
	// threads, space that allocators keep.
	mapped = 128 << 20
	// lookEvery is how often a working process looks at its memory.
	lookEvery = 10 * time.Millisecond
)

// watch ends the process when it uses more memory than its limit.
type watch struct {
	limit int64

	stopped chan struct{} // of the statement at work
}

// limitMemory limits this process to what it uses now and the bytes for a
// statement.
func limitMemory(bytes int64) (*watch, error) {
	if err := limitKernel(bytes + allowance + mapped); err != nil {
		return nil, fmt.Errorf("limit the memory of the process: %w", err)
	}
	return &watch{limit: used() + bytes + allowance}, nil
}

func (w *watch) begin() {
	stop := make(chan struct{})
	w.stopped = stop
	go func() {
		t := time.NewTicker(lookEvery)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				if used() > w.limit {
					os.Exit(ExitMemory)
				}
			}
		}
	}()
}

func (w *watch) end() {
	close(w.stopped)
}
