package cloud

import (
	"cmp"
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdkkinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/raw"
)

// Work shares the stream's shards with the other workers and moves those of
// this process into raw, until the context ends: then it commits what it has
// taken and gives its shards back. A worker that was cut off and goes on loses
// at the ledger's commit, so a shard is never taken in twice.
//
// It returns an error only before it has begun: lake.ErrInvalid when the
// configuration names too little or a table with other keys, lake.ErrNotFound,
// s3.ErrNoBucket and awsapi.ErrDenied when a part is missing or may not be used;
// or when the work does not end in time. What fails later is logged and tried
// again.
func (c *Cloud) Work(ctx context.Context) error {
	p, err := c.workerParts()
	if err != nil {
		return err
	}
	if err := c.check(ctx, p.checks()); err != nil {
		return err
	}
	cores, err := c.cores(int(c.Config.Ingest.FlushSize), func(gz *raw.Compressor) (lake.Sink, error) { return raw.NewWriter(gz, nil), nil })
	if err != nil {
		return err
	}
	work := func(ctx context.Context, shard lake.ShardID) error {
		begun := time.Now()
		err := ingest.NewWorker(cores(shard), p.stream, ingest.Options{
			FlushBytes: int64(c.Config.Ingest.FlushSize), FlushAge: c.Config.Ingest.FlushAge, Log: c.Log,
		}).Run(ctx)
		c.Log.Info("work on a shard ends", "shard", shard, "after", time.Since(begun).Round(time.Second))
		return err
	}
	a := c.Config.AWS
	c.Log.Info("worker", "stream", a.Stream, "bucket", a.Bucket, "ledger", a.Ledger, "claims", cmp.Or(a.Claims, "none"), "leases", a.Leases)
	return lease.NewManager(p.leases, p.stream, work, lease.Options{Log: c.Log}).Run(ctx)
}

// workerParts are the parts that a worker asks for work and gives it to.
func (c *Cloud) workerParts() (p parts, err error) {
	a := c.Config.AWS
	err = needAll(named{"aws.stream", a.Stream}, named{"aws.bucket", a.Bucket}, named{"aws.ledger", a.Ledger}, named{"aws.leases", a.Leases})
	if err != nil {
		return p, err
	}
	if p.store, err = c.Store(); err != nil {
		return p, err
	}
	p.stream, err = kinesis.New(sdkkinesis.NewFromConfig(c.AWS), kinesis.Options{
		Stream: a.Stream, Unpack: Unpacking(), SkipTrimmed: a.Trimmed == config.TrimmedSkip, Log: c.Log,
	})
	if err != nil {
		return p, err
	}
	p.ledger, err = c.Ledger()
	p.leases = lease.NewTable(sdk.NewFromConfig(c.AWS), a.Leases, a.Stream)
	return p, err
}
