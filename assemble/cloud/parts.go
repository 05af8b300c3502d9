package cloud

import (
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// Store is the bucket.
func (c *Cloud) Store() (*s3.Store, error) {
	if c.store != nil {
		return c.store, nil
	}
	bucket, err := need("aws.bucket", c.Config.AWS.Bucket)
	if err != nil {
		return nil, err
	}
	c.store, err = s3.New(s3.NewClient(c.AWS), s3.Options{Bucket: bucket, KMSKey: c.Config.AWS.KMSKey, Log: c.Log})
	return c.store, err
}

// keepBooks is how long the hours of workers' books are kept. They are held
// against raw files, which the ledger names for a day or two; and whoever reads
// the ledger has them in memory, 245 bytes a tally: with 204 shards and 30 types
// these are 36 MB a day.
const keepBooks = 8 * 24 * time.Hour

// Ledger is the claims and the commits. Without a table of claims every claim
// is owned.
func (c *Cloud) Ledger() (*dynamodb.Ledger, error) {
	if c.ledger != nil {
		return c.ledger, nil
	}
	table, err := need("aws.ledger", c.Config.AWS.Ledger)
	if err != nil {
		return nil, err
	}
	store, err := c.Store()
	if err != nil {
		return nil, err
	}
	o := dynamodb.Options{
		Claims: c.Config.AWS.Claims, Ledger: table, Dedup: dynamodb.DedupClaims, ClaimTTL: c.Config.Claims.TTL,
		Concurrency: c.Config.AWS.ClaimWrites, KeepBooks: keepBooks, Store: store, Clock: c.Clock, Logger: c.Log,
	}
	if o.Claims == "" {
		o.Dedup = dynamodb.DedupNone
	}
	c.ledger = dynamodb.New(dynamodb.NewClient(c.AWS, c.Config.AWS.ClaimWrites), o)
	return c.ledger, nil
}

// Stream is the Kinesis stream.
func (c *Cloud) Stream() (*kinesis.Stream, error) {
	if c.stream != nil {
		return c.stream, nil
	}
	name, err := need("aws.stream", c.Config.AWS.Stream)
	if err != nil {
		return nil, err
	}
	c.stream, err = kinesis.New(sdk.NewFromConfig(c.AWS), kinesis.Options{Stream: name, Unpack: Unpacking(), Log: c.Log})
	return c.stream, err
}

// Unpacking says how records are read that name no source: ids as the collector
// would make them.
func Unpacking() kinesis.UnpackOptions { return kinesis.UnpackOptions{Identify: transform.RouteID} }

// Gzip compresses what goes into the bucket, beside other processes that do.
func (c *Cloud) Gzip() (*raw.Compressor, error) {
	store, err := c.Store()
	if err != nil {
		return nil, err
	}
	return raw.NewCompressor(store, c.Config.Raw.Level)
}

// sink is Firehose, or the bucket itself.
func (c *Cloud) sink(gz *raw.Compressor) (lake.Sink, error) {
	direct := raw.NewWriter(gz, nil)
	if c.Config.AWS.Firehose == "" {
		return direct, nil
	}
	if c.firehose == nil {
		var err error
		c.firehose, err = firehose.New(firehose.NewClient(c.AWS), firehose.Options{
			Stream: c.Config.AWS.Firehose, Direct: direct, Partitions: c.Config.AWS.FirehosePartitions, Clock: c.Clock,
		})
		if err != nil {
			return nil, err
		}
	}
	return c.firehose, nil
}

// lineMemory is how much memory for lines is kept between batches.
const lineMemory = 32 << 20

// Handed is the ingest stage for batches that are handed over.
func (c *Cloud) Handed() (*ingest.Handed, error) {
	cores, err := c.cores(lineMemory, c.sink)
	if err != nil {
		return nil, err
	}
	return ingest.NewHanded(cores, c.ledger), nil
}

// Names are the names that all processes of the lake admit: admitted by each for
// itself, they could give the copies of an event different partitions.
func (c *Cloud) Names(list lake.NameList) *ingest.Names {
	return ingest.NewSharedNames(ingest.Caps{Types: c.Config.Ingest.MaxTypes, Subtypes: c.Config.Ingest.MaxSubtypes}, list)
}

// cores returns what makes the ingest stage of a shard. All of them share the
// sink and the memory for lines, in bytes, that is kept between flushes.
func (c *Cloud) cores(memory int, sink func(*raw.Compressor) (lake.Sink, error)) (func(lake.ShardID) *ingest.Core, error) {
	ledger, err := c.Ledger()
	if err != nil {
		return nil, err
	}
	sources, err := c.Config.Transformers()
	if err != nil {
		return nil, err
	}
	gz, err := c.Gzip()
	if err != nil {
		return nil, err
	}
	to, err := sink(gz)
	if err != nil {
		return nil, fmt.Errorf("where raw goes: %w", err)
	}
	names := c.Names(ledger)
	free := raw.NewMemory(memory)
	return func(shard lake.ShardID) *ingest.Core {
		return ingest.NewCore(shard, ledger, sources, names, to, gz, free)
	}, nil
}
