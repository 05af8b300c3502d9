package kinesis

import (
	"context"
	"log/slog"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// API is what is used of the Kinesis client.
type API interface {
	PutRecords(context.Context, *sdk.PutRecordsInput, ...func(*sdk.Options)) (*sdk.PutRecordsOutput, error)
	GetRecords(context.Context, *sdk.GetRecordsInput, ...func(*sdk.Options)) (*sdk.GetRecordsOutput, error)
	GetShardIterator(context.Context, *sdk.GetShardIteratorInput, ...func(*sdk.Options)) (*sdk.GetShardIteratorOutput, error)
	ListShards(context.Context, *sdk.ListShardsInput, ...func(*sdk.Options)) (*sdk.ListShardsOutput, error)
	DescribeStreamSummary(context.Context, *sdk.DescribeStreamSummaryInput, ...func(*sdk.Options)) (*sdk.DescribeStreamSummaryOutput, error)
}

// Unit is the size in bytes in which Kinesis bills what is put into a
// provisioned stream. On-demand streams are billed by KiB.
const Unit = 25 << 10

// Limits of one PutRecords call.
const (
	maxEntries = 500
	maxRequest = 10 << 20
)

// Options of a Stream. Zero values take the defaults.
type Options struct {
	Stream string // name or ARN; required
	Unpack UnpackOptions

	// RecordBytes is how large a record may get while there is more to pack, in
	// bytes; default 10 Units. Bigger ones waste less of a unit, smaller ones are
	// less to repeat when a consumer fails.
	RecordBytes int
	// MaxRecord is the largest record that the stream takes; default 1 MiB, which
	// is a stream's default. An event that does not fit is compressed.
	MaxRecord int
	// Compress writes aggregates as zstd, which only this package reads.
	Compress bool

	Senders  int           // PutRecords calls at one time; default 8
	MaxQueue int64         // bytes that may wait to be stored; default 64 MiB
	Patience time.Duration // how long one Append or Read tries again, inside its context's deadline; default 15 s
	Timeout  time.Duration // of one call; default 10 s

	// ReadPause is the least time between two GetRecords of one shard; default
	// 200 ms, which is a shard's limit for all its consumers. Negative: none.
	ReadPause time.Duration
	// PollPause is how long Wait pauses at the end of a shard; default 400 ms.
	PollPause time.Duration
	// FetchRecords bounds the records of one GetRecords; default 10,000.
	FetchRecords int
	// SkipTrimmed goes on with the oldest record where one that was not read has
	// been trimmed, with a message in the log, instead of lake.ErrTrimmed.
	SkipTrimmed bool

	Log *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.Stream == "" {
		return o, lake.Errorf(lake.ErrInvalid, "set LAKE_STREAM to the stream's name", "no Kinesis stream is named")
	}
	if o.MaxRecord <= 0 {
		o.MaxRecord = 1 << 20
	}
	if o.RecordBytes <= 0 {
		o.RecordBytes = 10 * Unit
	}
	o.RecordBytes = min(o.RecordBytes, o.MaxRecord) - partitionKey
	if o.Compress {
		// What a record has before it is compressed; if that does nothing for it,
		// it must still fit.
		o.RecordBytes = min(4*o.RecordBytes, o.MaxRecord-partitionKey)
	}
	defaults(&o.Senders, 8)
	defaults(&o.MaxQueue, 64<<20)
	defaults(&o.Patience, 15*time.Second)
	defaults(&o.Timeout, 10*time.Second)
	if o.ReadPause == 0 {
		o.ReadPause = 200 * time.Millisecond
	}
	defaults(&o.PollPause, 400*time.Millisecond)
	defaults(&o.FetchRecords, 10_000)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func defaults[T int | int64 | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// retry draws the pauses between tries; how often is decided by time.
func retry() awsapi.Retry {
	return awsapi.Retry{Tries: -1, Base: 50 * time.Millisecond, Max: 2 * time.Second}
}
