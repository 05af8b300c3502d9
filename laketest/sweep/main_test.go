package sweep

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage grow: a run lives for milliseconds and leaves nothing,
// so collecting often would be a third of the sweep's time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}
