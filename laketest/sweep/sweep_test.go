package sweep

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/fault"
)

// enough is how many runs the sweep has at least, but for -short.
const enough = 10_000

// So many ways of cutting batches are tried, each with every fault. A number in
// LAKE_SWEEP_SEEDS replaces both.
const (
	portSeeds = 5
	diskSeeds = 3
)

// TestMain collects garbage by a limit. A run makes garbage of many times what
// it needs at once, and the parts' pools outlive their life by two collections:
// often is slow, and at a multiple of what is alive the pools feed themselves.
func TestMain(m *testing.M) {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(256 << 20)
	os.Exit(m.Run())
}

func TestNothingIsLostOrDoubledWhereverAFaultStrikes(t *testing.T) {
	s := newScript(t)
	ports := s.portPlans(t, seeds(t, portSeeds), nil)
	disks := s.diskPlans(t, seeds(t, diskSeeds), nil)
	if n := len(ports) + len(disks); n < enough && os.Getenv(seedsEnv) == "" && !testing.Short() {
		t.Errorf("%d faults are planned, fewer than %d", n, enough)
	}
	t.Run("at a port", func(t *testing.T) { s.sweep(t, thin(ports), nil) })
	t.Run("at the disk", func(t *testing.T) { s.sweep(t, thin(disks), nil) })
}

const seedsEnv = "LAKE_SWEEP_SEEDS"

// seeds is how many ways of cutting batches are tried.
func seeds(t *testing.T, byDefault int) int {
	t.Helper()
	s := os.Getenv(seedsEnv)
	if s == "" {
		return byDefault
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is no number of seeds", seedsEnv, s)
	}
	return n
}

// thin leaves one plan in 31 for -short: all kinds of faults in turn.
func thin(plans []plan) []plan {
	if !testing.Short() {
		return plans
	}
	var out []plan
	for i := 0; i < len(plans); i += 31 {
		out = append(out, plans[i])
	}
	return out
}

// shardsOf alternates between one shard and two.
func shardsOf(seed int) int { return 1 + seed%2 }

// count runs the script without a fault.
func (s *script) count(t *testing.T, seed int, m mutant) outcome {
	t.Helper()
	out, err := s.run(t.Context(), plan{seed: uint64(seed), shards: shardsOf(seed)}, m)
	if err != nil {
		t.Fatalf("without any fault: %v", err)
	}
	return out
}

// portPlans plans a fault at every port call, before and after its effect, as
// an error and as a crash of the machine or the process.
func (s *script) portPlans(t *testing.T, seeds int, m mutant) (plans []plan) {
	t.Helper()
	for seed := range seeds {
		for call := range s.count(t, seed, m).calls {
			for _, side := range []fault.Side{fault.Before, fault.After} {
				for mode := range 3 {
					plans = append(plans, plan{
						seed: uint64(seed), shards: shardsOf(seed), kill: mode == 2,
						port: fault.Plan{Call: call + 1, Side: side, Crash: mode > 0},
					})
				}
			}
		}
	}
	return plans
}

// diskPlans plans a fault at every operation of the file system: the machine or
// the process stops there, before or after it; it fails as on a bad disk, with
// or without effect; or the disk is full, and a write is stored in part.
func (s *script) diskPlans(t *testing.T, seeds int, m mutant) (plans []plan) {
	t.Helper()
	for seed := range seeds {
		for op := range s.count(t, seed, m).ops {
			for _, p := range []plan{
				{disk: crashfs.Fault{Halt: true}},
				{disk: crashfs.Fault{Halt: true, After: true}},
				{disk: crashfs.Fault{Halt: true}, kill: true},
				{disk: crashfs.Fault{Halt: true, After: true}, kill: true},
				{disk: crashfs.Fault{Err: syscall.EIO}, kill: true, cut: true},
				{disk: crashfs.Fault{Err: syscall.EIO, After: true}, cut: true},
				{disk: crashfs.Fault{Err: syscall.ENOSPC, Short: 0.5}, kill: true, cut: true},
			} {
				p.seed, p.shards, p.disk.N = uint64(seed), shardsOf(seed), op+1
				plans = append(plans, p)
			}
		}
	}
	return plans
}

// shown is how many failed runs are told.
const shown = 5

// sweep runs the plans on all cores and returns how many broke the promise,
// which is an error unless a mutant should.
func (s *script) sweep(t *testing.T, plans []plan, m mutant) (failed int) {
	t.Helper()
	var next, fired, lives, bad, left atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(plans)) && t.Context().Err() == nil; i = next.Add(1) - 1 {
				p := plans[i]
				out, err := s.run(t.Context(), p, m)
				lives.Add(int64(out.lives))
				if out.fired {
					fired.Add(1)
				}
				if err != nil && bad.Add(1) <= shown && m == nil {
					t.Errorf("%v: %v", p, err)
				}
				if len(out.unclosed) > 0 && left.Add(1) <= shown {
					t.Errorf("%v: a life left open %q", p, out.unclosed)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d runs in %d lives, %d faults fired, %d runs failed", len(plans), lives.Load(), fired.Load(), bad.Load())
	if n := len(plans) - int(fired.Load()); n != 0 {
		t.Errorf("%d of %d planned faults did not fire: the sweep has not seen what it claims", n, len(plans))
	}
	return int(bad.Load())
}
