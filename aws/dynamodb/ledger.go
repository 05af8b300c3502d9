package dynamodb

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// Ledger is lake.Ledger, lake.Backlog, lake.Receipts and lake.NameList on
// DynamoDB. It is safe for concurrent use, by any number of processes on the
// same tables.
type Ledger struct {
	client  Client
	options Options
	blobs   *blobs
	putters chan *putter // one for each claim that may be asked for at once
	groups  sync.Pool    // of *groups

	claims, writes atomic.Int64
	units          atomic.Int64 // in thousandths

	mu       sync.Mutex
	shards   map[lake.ShardID]*shard
	now      lake.Instant                   // the latest commit time given out
	marks    map[lake.ShardID]lake.Position // the curated marks as last seen
	receipts map[receiptHour]lake.Position  // hours whose first position is recorded
}

var (
	_ lake.Ledger   = (*Ledger)(nil)
	_ lake.Backlog  = (*Ledger)(nil)
	_ lake.Receipts = (*Ledger)(nil)
	_ lake.Excerpts = (*Ledger)(nil)

	_ lake.ReceiptReader = (*Ledger)(nil)
	_ lake.NameList      = (*Ledger)(nil)
)

// New returns the ledger on two tables that exist; see NewClient for the
// client. Nothing is asked for yet.
func New(client Client, o Options) *Ledger {
	o = o.withDefaults()
	l := &Ledger{
		client: client, options: o, blobs: newBlobs(o),
		putters:  make(chan *putter, o.Concurrency),
		groups:   sync.Pool{New: func() any { return &groups{last: map[lake.ID]int32{}} }},
		shards:   map[lake.ShardID]*shard{},
		marks:    map[lake.ShardID]lake.Position{},
		receipts: map[receiptHour]lake.Position{},
	}
	for range o.Concurrency {
		l.putters <- newPutter(l)
	}
	return l
}

// Stats is what the ledger has asked of DynamoDB since New.
type Stats struct {
	Claims int64   // claims answered; a copy within a call counts too
	Writes int64   // puts on the claims' table, repeated ones included
	Units  float64 // write units that those have used, refused ones at one unit
	Again  int64   // calls on either table that were tried again
}

// Stats returns the numbers so far. Writes over Claims is what an event costs.
func (l *Ledger) Stats() Stats {
	return Stats{
		Claims: l.claims.Load(), Writes: l.writes.Load(),
		Units: float64(l.units.Load()) / 1000, Again: l.options.Retry.Again(),
	}
}

// Position implements lake.Ledger. It costs one read.
func (l *Ledger) Position(ctx context.Context, shard lake.ShardID) (lake.Position, error) {
	if err := ctx.Err(); err != nil {
		return lake.Position{}, err
	}
	h, err := l.head(ctx, shard)
	if err != nil {
		return lake.Position{}, fmt.Errorf("position of %s: %w", shard, err)
	}
	return h.position, nil
}

// call makes a call on the ledger's table, again while its error may pass.
func (l *Ledger) call(ctx context.Context, do func(context.Context) error) error {
	return l.options.Retry.Do(ctx, func(ctx context.Context) error {
		return awsapi.ClassifyOn(do(ctx), "table "+l.options.Ledger)
	})
}

// get reads one item, nil when there is none. It sees every write before it.
func (l *Ledger) get(ctx context.Context, key item) (item, error) {
	var out *sdk.GetItemOutput
	err := l.call(ctx, func(ctx context.Context) (err error) {
		out, err = l.client.GetItem(ctx, &sdk.GetItemInput{
			TableName: &l.options.Ledger, Key: key, ConsistentRead: aws.Bool(true),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// put writes one item of the ledger's table. A repeat does the same again.
func (l *Ledger) put(ctx context.Context, in *sdk.PutItemInput) error {
	in.TableName = &l.options.Ledger
	return l.call(ctx, func(ctx context.Context) error {
		_, err := l.client.PutItem(ctx, in)
		return err
	})
}
