// Package catalogtest is the contract of lake.Catalog as tests. Every adapter
// runs it.
package catalogtest

import (
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
)

// Backend is an empty catalog and what the suite needs around it.
type Backend struct {
	Catalog lake.Catalog
	// Put makes a durable object of the given size where the catalog looks for
	// data files. Its content is not Parquet.
	Put func(t testing.TB, key lake.Key, bytes int64)
	// Has reports whether the object is there.
	Has func(t testing.TB, key lake.Key) bool
	// Reopen closes the catalog as a restart would and opens it again.
	Reopen func(t testing.TB) lake.Catalog
}

// Clock is the time that a backend must use. It starts at the machine's time,
// so that the age of files and of snapshots can be compared, and goes on only
// when a test says so.
type Clock struct {
	mu  sync.Mutex
	now lake.Instant
}

// Now is a lake.Clock.
func (c *Clock) Now() lake.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Suite runs the contract. open makes an empty backend that uses the clock.
func Suite(t *testing.T, open func(t *testing.T, clock lake.Clock) Backend) {
	for _, tc := range []struct {
		name string
		run  func(h *harness)
	}{
		{"no table is found before its first commit", testAbsent},
		{"first commit makes the table", testCreate},
		{"tables are listed by name", testTables},
		{"append keeps the files there were", testAppend},
		{"files are sorted by key", testSorted},
		{"returned table is the caller's own", testOwned},
		{"stale base changes nothing", testStale},
		{"base of another table's snapshot is stale", testForeignBase},
		{"removing and adding is one step", testReplace},
		{"removing an unknown file is stale and changes nothing", testRemoveUnknown},
		{"adding a file twice is refused", testAddTwice},
		{"removing everything leaves an empty table", testRemoveAll},
		{"commit without files moves positions", testNoFiles},
		{"consumed positions merge and never go back", testConsumed},
		{"wide positions survive", testWidePositions},
		{"summary is the last commit's own", testSummary},
		{"schema survives exactly", testSchema},
		{"schema evolves with the data in one step", testEvolve},
		{"one of two commits from one base wins", testRace},
		{"writers that read again lose nothing", testRetry},
		{"everything survives a restart", testReopen},
		{"restart does not bring a lost commit back", testReopenStale},
		{"maintenance keeps the current state", testMaintain},
		{"maintenance spares what was current within keep", testMaintainGrace},
		{"maintenance spares young files that are not committed yet", testMaintainYoung},
		{"maintenance removes old files that no snapshot names", testMaintainOrphans},
		{"a second maintenance has nothing to do", testMaintainTwice},
		{"maintenance of an unknown table is not found", testMaintainAbsent},
		{"maintenance does not make a base stale", testMaintainBase},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clock := &Clock{now: lake.SystemClock()}
			tc.run(&harness{T: t, clock: clock, Backend: open(t, clock.Now)})
		})
	}
}
