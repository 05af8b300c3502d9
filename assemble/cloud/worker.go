package cloud

import (
	"context"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/raw"
)

// Work shares the stream's shards with the other workers and moves those of
// this process into raw, until the context ends: then it commits what it has
// taken and gives its shards back. A worker that was cut off and goes on loses
// at the ledger's commit, so a shard is never taken in twice.
func (c *Cloud) Work(ctx context.Context) error {
	table, err := need("aws.leases", c.Config.AWS.Leases)
	if err != nil {
		return err
	}
	stream, err := c.Stream()
	if err != nil {
		return err
	}
	ledger, err := c.Ledger()
	if err != nil {
		return err
	}
	sources, err := c.Config.Transformers()
	if err != nil {
		return err
	}
	gz, err := c.Gzip()
	if err != nil {
		return err
	}
	memory := raw.NewMemory(int(c.Config.Ingest.FlushSize))
	names := ingest.NewNames(ingest.Caps{Types: math.MaxInt, Subtypes: math.MaxInt}, nil) // see Handed
	work := func(ctx context.Context, shard lake.ShardID) error {
		begun := time.Now()
		core := ingest.NewCore(shard, ledger, sources, names, raw.NewWriter(gz, nil), gz, memory)
		c.Log.Info("work on a shard begins", "shard", shard)
		err := ingest.NewWorker(core, stream, ingest.Options{
			FlushBytes: int64(c.Config.Ingest.FlushSize), FlushAge: c.Config.Ingest.FlushAge, Log: c.Log,
		}).Run(ctx)
		c.Log.Info("work on a shard ends", "shard", shard, "after", time.Since(begun).Round(time.Second), "error", err)
		return err
	}
	leases := lease.NewTable(dynamodb.NewFromConfig(c.AWS), table, c.Config.AWS.Stream)
	return lease.NewManager(leases, stream, work, lease.Options{Log: c.Log}).Run(ctx)
}
