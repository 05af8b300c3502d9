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

// full is a ledger that keeps receipts and names, too, as that on DynamoDB does.
type full struct {
	*memory.Ledger
	*book
	*list
}

// Receipts and Names under names that are not those of their methods.
type (
	book = memory.Receipts
	list = memory.Names
)

func fullLedgers() ledgertest.Adapter {
	return ledgertest.Adapter{Start: func(_ *testing.T, ttl time.Duration) (lake.Ledger, func() lake.Ledger) {
		l := full{memory.NewLedger(ttl), memory.NewReceipts(), &memory.Names{}}
		return l, func() lake.Ledger { return l }
	}}
}

func TestReceipts(t *testing.T) { ledgertest.Receipts(t, fullLedgers()) }

func TestNames(t *testing.T) { ledgertest.Names(t, fullLedgers()) }

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
