package dynamodb_test

import (
	"context"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/ledgertest"
	"github.com/eventlake/lake/laketest/memory"
)

// fake is an empty DynamoDB in memory with the ledger's tables. Its pages are
// so small that reading has many.
func fake(o dynamodb.Options) *awsfake.DynamoDB {
	return awsfake.NewDynamoDB(7, dynamodb.Tables(o)...)
}

// atOnce is a Retry that does not wait.
func atOnce() *awsapi.Retry {
	return &awsapi.Retry{Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// inMemory runs the suites over the fake. A life ends without a word.
func inMemory(options func() dynamodb.Options) ledgertest.Adapter {
	return ledgertest.Adapter{Start: func(t *testing.T, ttl time.Duration) (lake.Ledger, func() lake.Ledger) {
		o := options()
		o.ClaimTTL, o.Retry = ttl, atOnce()
		db := fake(o)
		return dynamodb.New(db, o), func() lake.Ledger { return dynamodb.New(db, o) }
	}}
}

// kinesisPosition makes positions as wide as those of Kinesis, several in one
// stream record.
func kinesisPosition(n uint64) lake.Position {
	return lake.Position{Seq: [3]uint64{1 << 57, 1<<63 + 5, n / 3}, Sub: uint32(n % 3)}
}

func TestContract(t *testing.T) {
	for name, options := range map[string]func() dynamodb.Options{
		"defaults":                 func() dynamodb.Options { return dynamodb.Options{} },
		"checkpoints all the time": func() dynamodb.Options { return dynamodb.Options{Checkpoint: 3} },
		"contents in objects": func() dynamodb.Options {
			return dynamodb.Inline(dynamodb.Options{Checkpoint: 5, Store: memory.NewStore()}, 100)
		},
		"parts in objects": func() dynamodb.Options {
			return dynamodb.FullPart(dynamodb.Options{Checkpoint: 3, Store: memory.NewStore()}, 3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := inMemory(options)
			a.Position = kinesisPosition
			ledgertest.Suite(t, a)
			ledgertest.Backlog(t, a)
			ledgertest.Receipts(t, a)
			ledgertest.Names(t, a)
		})
	}
}
