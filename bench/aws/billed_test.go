package aws

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkfirehose "github.com/aws/aws-sdk-go-v2/service/firehose"
	sdkkinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/laketest/awslocal"
	delivery "github.com/eventlake/lake/laketest/awslocal/firehose"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// shardOnly is a Kinesis of one shard that takes everything.
type shardOnly struct{ kinesis.API }

func (shardOnly) PutRecords(_ context.Context, in *sdkkinesis.PutRecordsInput, _ ...func(*sdkkinesis.Options)) (*sdkkinesis.PutRecordsOutput, error) {
	out := &sdkkinesis.PutRecordsOutput{Records: make([]kinesistypes.PutRecordsResultEntry, len(in.Records))}
	for i := range out.Records {
		out.Records[i].ShardId, out.Records[i].SequenceNumber = aws.String("shardId-000000000000"), aws.String("2")
	}
	return out, nil
}

func (shardOnly) ListShards(context.Context, *sdkkinesis.ListShardsInput, ...func(*sdkkinesis.Options)) (*sdkkinesis.ListShardsOutput, error) {
	return &sdkkinesis.ListShardsOutput{Shards: []kinesistypes.Shard{{
		ShardId:             aws.String("shardId-000000000000"),
		HashKeyRange:        &kinesistypes.HashKeyRange{StartingHashKey: aws.String("0"), EndingHashKey: aws.String("340282366920938463463374607431768211455")},
		SequenceNumberRange: &kinesistypes.SequenceNumberRange{StartingSequenceNumber: aws.String("1")},
	}}}, nil
}

// put is what requests of so many events of 512 bytes become in the stream.
func put(t testing.TB, request, requests, atOnce int, compress bool) kinesis.Stats {
	t.Helper()
	s, err := kinesis.New(shardOnly{}, kinesis.Options{Stream: "lake", Compress: compress})
	if err != nil {
		t.Fatal(err)
	}
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for r := range requests {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			some, received := make([]lake.Event, request), lake.SystemClock() // a request's events share their log time
			for i := range some {
				body := sized(r*request+i, 512)
				some[i] = lake.Event{ID: transform.RouteID(lake.DefaultSource, body), Source: lake.DefaultSource, Received: received, Body: body}
			}
			if err := s.Append(t.Context(), some); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return s.Stats()
}

// sized is an event of so many bytes.
func sized(n, size int) []byte {
	head := fmt.Sprintf(`{"event_uuid":"%036d","event_name":"account:updated","created_at":"2026-05-01T10:00:00Z","user":{"id":%d,"plan":"pro"},"text":"`, n, n*7919)
	return []byte(head + strings.Repeat("sphinx of black quartz, judge my vow ", 20)[:size-len(head)-2] + `"}`)
}

// joined is what batches of so many events are to Firehose.
func joined(t testing.TB, n int) firehose.Stats {
	t.Helper()
	w := newWorkbench(t)
	w.run(t, payload(t, made(1, n), 0, true))
	return w.sink.Stats()
}

// objectStore counts objects.
type objectStore struct {
	mu    sync.Mutex
	n     int
	bytes int64
}

func (o *objectStore) PutObject(_ context.Context, in *sdks3.PutObjectInput, _ ...func(*sdks3.Options)) (*sdks3.PutObjectOutput, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n++
	if s, ok := in.Body.(interface{ Size() int64 }); ok {
		o.bytes += s.Size()
	}
	return &sdks3.PutObjectOutput{}, nil
}

// interval is the time for which Firehose gathers.
const interval = 5 * time.Minute

// noon is when the events of an interval begin: all of them are of one day.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// delivered is how many objects Firehose makes of the events of one interval.
func delivered(t testing.TB, events int) (objects int) {
	t.Helper()
	var store objectStore
	stream, err := delivery.NewStream(&store, delivery.Config{
		Name: "lake", Bucket: "lake", Prefix: firehose.Prefix, ErrorPrefix: firehose.ErrorPrefix, FileExtension: firehose.FileExtension, Gzip: true,
		JQ: firehose.JQ, SubRecordType: firehose.SubRecordType, Append: "\n", BufferBytes: 128 << 20, BufferInterval: interval,
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := awslocal.Serve(delivery.NewServer(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	}()
	gz, err := raw.NewCompressor(memory.NewStore(), 6)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := firehose.New(sdkfirehose.NewFromConfig(e.Config()), firehose.Options{Stream: "lake", Direct: raw.NewWriter(gz, nil)})
	if err != nil {
		t.Fatal(err)
	}
	const batch = 10_000
	for done := 0; done < events; done += batch {
		n := min(batch, events-done)
		some := makeEvents(gen.Options{Seed: uint64(done), Events: n, Start: noon, Span: interval})
		newWorkbenchOver(t, sink).run(t, payload(t, some, done, true))
	}
	if err := stream.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store.n + int(sink.Stats().Direct)
}

// direct is how many objects lambda-ingest itself writes of a batch where there
// is no Firehose.
func direct(t testing.TB, events int) (objects int) {
	t.Helper()
	store := memory.NewStore()
	gz, err := raw.NewCompressor(store, 6)
	if err != nil {
		t.Fatal(err)
	}
	some := makeEvents(gen.Options{Seed: 1, Events: events, Start: noon, Span: time.Minute})
	newWorkbenchOver(t, raw.NewWriter(gz, nil)).run(t, payload(t, some, 0, true))
	for _, err := range store.List(t.Context(), raw.Root) {
		if err != nil {
			t.Fatal(err)
		}
		objects++
	}
	return objects
}
