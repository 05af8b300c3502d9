package memory_test

import (
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/ledgertest"
	"github.com/eventlake/lake/laketest/memory"
)

func ledgers() ledgertest.Adapter {
	return ledgertest.Adapter{Start: func(_ *testing.T, ttl time.Duration) (lake.Ledger, func() lake.Ledger) {
		l := memory.NewLedger(ttl)
		return l, func() lake.Ledger {
			l.Crash()
			return l
		}
	}}
}

func TestLedger(t *testing.T) { ledgertest.Suite(t, ledgers()) }

func TestBacklog(t *testing.T) { ledgertest.Backlog(t, ledgers()) }

// receipted is a ledger that keeps receipts, too, as that on DynamoDB does.
type receipted struct {
	*memory.Ledger
	*book
}

// book is Receipts under a name that is not that of its method.
type book = memory.Receipts

func TestReceipts(t *testing.T) {
	ledgertest.Receipts(t, ledgertest.Adapter{Start: func(_ *testing.T, ttl time.Duration) (lake.Ledger, func() lake.Ledger) {
		l := receipted{memory.NewLedger(ttl), memory.NewReceipts()}
		return l, func() lake.Ledger { return l }
	}})
}

// TestLedgerWithWidePositions runs the suite with positions as wide as those
// of Kinesis.
func TestLedgerWithWidePositions(t *testing.T) {
	a := ledgers()
	a.Position = func(n uint64) lake.Position {
		return lake.Position{Seq: [3]uint64{49, 1 << 40, n / 3}, Sub: uint32(n % 3)}
	}
	ledgertest.Suite(t, a)
	ledgertest.Backlog(t, a)
}
