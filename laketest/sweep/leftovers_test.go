package sweep

import (
	"runtime"
	"testing"
	"time"
)

// TestDeadLivesLeaveNothingBehind counts goroutines and memory over some hundred
// lives that ended at all kinds of places: in the middle of their start too.
// That they close their files, every run of the sweep asserts.
func TestDeadLivesLeaveNothingBehind(t *testing.T) {
	s := newScript(t)
	plans := append(s.portPlans(t, 2, nil), s.diskPlans(t, 2, nil)...)
	lives := 0
	play := func(from, every int) {
		for i := from; i < len(plans); i += every {
			out, err := s.run(t.Context(), plans[i], nil)
			if err != nil {
				t.Fatalf("%v: %v", plans[i], err)
			}
			lives += out.lives
		}
	}
	play(0, 397) // the first ones make what stays for ever, such as tables of libraries
	goroutines, bytes := runtime.NumGoroutine(), alive()
	lives = 0
	play(1, 41)
	more := runtime.NumGoroutine() - goroutines
	for deadline := time.Now().Add(10 * time.Second); more > 0 && time.Now().Before(deadline); more = runtime.NumGoroutine() - goroutines {
		time.Sleep(time.Millisecond) // one that was told to end may be on its way
	}
	grown := alive() - bytes
	t.Logf("%d lives left %d goroutines and %d bytes", lives, more, grown)
	if more > 0 {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d lives left %d goroutines behind:\n%s", lives, more, stacks[:runtime.Stack(stacks, true)])
	}
	const each = 4 << 10 // a world takes some hundred times that
	if grown > int64(lives*each) {
		t.Errorf("%d lives left %d bytes behind, more than %d each", lives, grown, each)
	}
}

// alive is the memory that is reachable. Pools let go of what nobody took for
// two collections.
func alive() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
