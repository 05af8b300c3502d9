package kinesis

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// Stream is a Kinesis stream. Its methods may be called concurrently. It has
// nothing to close: it works only while somebody waits for it.
type Stream struct {
	api     API
	options Options
	retry   awsapi.Retry
	zstd    func() (*zstd.Encoder, error)
	stats   stats

	// Appending.
	routing chan struct{} // holds one token, taken while the routes are loaded
	routes  atomic.Pointer[routes]
	stale   atomic.Bool  // a record went to another shard than the routes say
	queued  atomic.Int64 // bytes that wait to be stored
	calls   sync.Pool    // *call
	packers sync.Pool    // *Packer
	sending sync.Mutex
	ready   []*lane // lanes that have something to send now
	senders int     // goroutines that send

	// Reading.
	unpackers sync.Pool // *Unpacker
	reading   sync.Mutex
	readers   map[lake.ShardID]*reader
}

var _ lake.Stream = (*Stream)(nil)

// New returns a stream over a client. It makes no call: a stream that does not
// exist is lake.ErrNotFound at the first use. Tries are made here, so whatever
// retryer the client has is not used.
func New(api API, o Options) (*Stream, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Stream{api: api, options: o, retry: retry(), routing: make(chan struct{}, 1), readers: map[lake.ShardID]*reader{}}
	s.zstd = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithAllLitEntropyCompression(true))
	})
	return s, nil
}

// once makes a call one try.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// name is the stream's name or, when it was given as one, its ARN.
func (s *Stream) name() (name, arn *string) {
	if strings.HasPrefix(s.options.Stream, "arn:") {
		return nil, &s.options.Stream
	}
	return &s.options.Stream, nil
}

// classify gives an error of a call on the stream its meaning. The end of the
// caller's own context counts more than what the call made of it.
func (s *Stream) classify(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return awsapi.ClassifyOn(err, "stream "+s.options.Stream)
}
