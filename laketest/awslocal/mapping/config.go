package mapping

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/google/uuid"

	"github.com/eventlake/lake"
)

// KinesisAPI is what a mapping calls of Kinesis.
type KinesisAPI interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// Kinesis describes a mapping from a stream to a function. Zero values are
// AWS's defaults where nothing else is said.
type Kinesis struct {
	Client KinesisAPI
	Stream string
	Target Target

	BatchSize  int           // records of one batch, up to 10,000; 100 when 0
	Window     time.Duration // how long to gather a batch
	Parallel   int           // the parallelization factor, 1 to 10
	Bisect     bool          // BisectBatchOnFunctionError
	Report     bool          // ReportBatchItemFailures
	Attempts   int           // MaximumRetryAttempts + 1; 0 tries until the records expire
	MaxAge     time.Duration // MaximumRecordAge; 0 is no limit
	OnFailure  Destination   // nil drops what is given up
	Latest     bool          // starts with records that come after the start, else with the oldest
	UUID       string        // the mapping's name; made up when empty
	PayloadMax int           // bytes of an invocation; AWS's 6 MB when 0

	// Poll is the pause after a read that found nothing: about a second on AWS,
	// 20 ms when 0. Pause is the first pause after a failure, doubled up to a
	// hundredfold: 10 ms when 0.
	Poll, Pause time.Duration

	// Again says whether the n-th successful batch (from 0) is delivered once
	// more, as happens when a poller is replaced before it has noted its
	// checkpoint; nil is never.
	Again func(n int) bool

	Log *slog.Logger // nil is silent
}

// defaults fills in what was left out and checks the rest.
func (c *Kinesis) defaults() error {
	c.BatchSize = cmp.Or(c.BatchSize, 100)
	c.Parallel = cmp.Or(c.Parallel, 1)
	c.Poll = cmp.Or(c.Poll, 20*time.Millisecond)
	c.Pause = cmp.Or(c.Pause, 10*time.Millisecond)
	c.PayloadMax = cmp.Or(c.PayloadMax, 6<<20)
	c.UUID = cmp.Or(c.UUID, uuid.NewString())
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.BatchSize < 1 || c.BatchSize > 10_000:
		return lake.Errorf(lake.ErrInvalid, "use 1 to 10,000", "batch size %d", c.BatchSize)
	case c.Parallel < 1 || c.Parallel > 10:
		return lake.Errorf(lake.ErrInvalid, "use 1 to 10", "parallelization factor %d", c.Parallel)
	case c.Window < 0 || c.Window > 300*time.Second:
		return lake.Errorf(lake.ErrInvalid, "use 0 to 300 s", "batching window %v", c.Window)
	case c.Attempts < 0 || c.Attempts > 10_001:
		return lake.Errorf(lake.ErrInvalid, "use 0 (no limit) or 1 to 10,001", "attempts %d", c.Attempts)
	}
	return nil
}

// StreamARN returns the stream's name as functions are told it.
func (c *Kinesis) StreamARN() string {
	return "arn:aws:kinesis:us-east-1:123456789012:stream/" + c.Stream
}

// Stats counts what a mapping has done.
type Stats struct {
	Invocations int64 // answered by the function, throttled ones not
	Failures    int64 // invocations that failed as a whole
	Partial     int64 // invocations that reported some items as failed
	Delivered   int64 // records or messages that the function has taken
	GivenUp     int64 // records that went to the destination
	Lost        int64 // records that the destination did not take
}
