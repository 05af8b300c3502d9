package dynamodb_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/ledgertest"
)

// onMoto runs the suites through the SDK's client against an emulator.
func onMoto(t *testing.T, options dynamodb.Options) ledgertest.Adapter {
	t.Helper()
	client := dynamodb.NewClient(awslocal.Moto(t).Config(), 0)
	var tables atomic.Int64
	return ledgertest.Adapter{Brief: true, Start: func(t *testing.T, ttl time.Duration) (lake.Ledger, func() lake.Ledger) {
		t.Helper()
		n := tables.Add(1)
		o := options
		o.Claims, o.Ledger, o.ClaimTTL = fmt.Sprintf("claims-%d", n), fmt.Sprintf("ledger-%d", n), ttl
		for range 2 { // tables that are there are left alone
			if err := dynamodb.CreateTables(t.Context(), client, o); err != nil {
				t.Fatal(err)
			}
		}
		return dynamodb.New(client, o), func() lake.Ledger { return dynamodb.New(client, o) }
	}}
}

func TestContractOnMoto(t *testing.T) {
	t.Parallel()
	a := onMoto(t, dynamodb.Options{Checkpoint: 10})
	a.Position = kinesisPosition
	ledgertest.Suite(t, a)
	ledgertest.Backlog(t, a)
	ledgertest.Receipts(t, a)
	ledgertest.Names(t, a)
}
