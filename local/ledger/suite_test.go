package ledger_test

import (
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/ledgertest"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
)

// small makes tables and segments so small that suites seal and merge a lot.
func small(ttl time.Duration) ledger.Options {
	return ledger.Options{TTL: ttl, HotBytes: 2 * 59 * 40, SegmentBytes: 16 << 10, MergeRate: -1}
}

// onDisk ends a life by closing it.
func onDisk(o func(ttl time.Duration) ledger.Options) ledgertest.Adapter {
	return ledgertest.Adapter{Start: func(t *testing.T, ttl time.Duration) (lake.Ledger, func() lake.Ledger) {
		dir := t.TempDir()
		l := open(t, disk.OS{}, dir, o(ttl))
		t.Cleanup(func() { closed(t, l) })
		return l, func() lake.Ledger {
			closed(t, l)
			l = open(t, disk.OS{}, dir, o(ttl))
			return l
		}
	}}
}

// crashing ends a life by taking the power away.
func crashing(o func(ttl time.Duration) ledger.Options) ledgertest.Adapter {
	return ledgertest.Adapter{Start: func(t *testing.T, ttl time.Duration) (lake.Ledger, func() lake.Ledger) {
		fsys := crashfs.New(1)
		l := open(t, fsys, "data/ledger", o(ttl))
		return l, func() lake.Ledger {
			fsys = fsys.Crash()
			l = open(t, fsys, "data/ledger", o(ttl))
			return l
		}
	}}
}

func open(t testing.TB, fsys disk.FS, dir string, o ledger.Options) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), fsys, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closed(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	large := func(ttl time.Duration) ledger.Options { return ledger.Options{TTL: ttl} }
	for name, a := range map[string]ledgertest.Adapter{
		"closed":         onDisk(large),
		"crashed":        crashing(large),
		"closed, small":  onDisk(small),
		"crashed, small": crashing(small),
	} {
		t.Run(name, func(t *testing.T) {
			ledgertest.Suite(t, a)
			ledgertest.Backlog(t, a)
		})
	}
}
