package aws

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdkfirehose "github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/aws/kinesis"
	stage "github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/lambda/ingest"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// granting is DynamoDB without a network: every claim is granted.
type granting struct{ dynamodb.Client }

func (granting) PutItem(context.Context, *sdkdynamodb.PutItemInput, ...func(*sdkdynamodb.Options)) (*sdkdynamodb.PutItemOutput, error) {
	return &sdkdynamodb.PutItemOutput{ConsumedCapacity: &dynamodbtypes.ConsumedCapacity{CapacityUnits: aws.Float64(1)}}, nil
}

// taking is Firehose without a network: every record is taken.
type taking struct{}

func (taking) PutRecordBatch(_ context.Context, in *sdkfirehose.PutRecordBatchInput, _ ...func(*sdkfirehose.Options)) (*sdkfirehose.PutRecordBatchOutput, error) {
	return &sdkfirehose.PutRecordBatchOutput{RequestResponses: make([]firehosetypes.PutRecordBatchResponseEntry, len(in.Records))}, nil
}

// workbench is lambda-ingest's handler without a network.
type workbench struct {
	handler *ingest.Handler
	ledger  *dynamodb.Ledger
	sink    *firehose.Sink // of newWorkbench
}

// newWorkbench is a handler over a Firehose that takes everything.
func newWorkbench(t testing.TB) *workbench {
	t.Helper()
	gz, err := raw.NewCompressor(memory.NewStore(), 6)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := firehose.New(taking{}, firehose.Options{Stream: "lake", Direct: raw.NewWriter(gz, nil)})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkbenchOver(t, sink)
	w.sink = sink
	return w
}

// newWorkbenchOver is a handler that keeps lines in the sink.
func newWorkbenchOver(t testing.TB, sink lake.Sink) *workbench {
	t.Helper()
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	gz, err := raw.NewCompressor(memory.NewStore(), 6)
	if err != nil {
		t.Fatal(err)
	}
	w := &workbench{ledger: dynamodb.New(granting{}, dynamodb.Options{})}
	names := stage.NewNames(stage.Caps{Types: math.MaxInt, Subtypes: math.MaxInt}, nil)
	mem := raw.NewMemory(32 << 20)
	handed := stage.NewHanded(func(shard lake.ShardID) *stage.Core {
		return stage.NewCore(shard, w.ledger, func(lake.SourceID) *transform.Transformer { return tr }, names, sink, gz, mem)
	}, w.ledger)
	w.handler = ingest.New(ingest.Config{Handed: handed, Unpack: kinesis.UnpackOptions{Identify: transform.RouteID}})
	return w
}

// run settles a batch.
func (w *workbench) run(t testing.TB, in []byte) {
	t.Helper()
	out, err := w.handler.Invoke(t.Context(), in)
	if err != nil || strings.Contains(string(out), "itemIdentifier") {
		t.Fatalf("%s, %v", out, err)
	}
}

// cpu is the processor time that this process has used.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIngest is a batch of lambda-ingest without the network and the SDK:
// decode, unpack, transform, claim, join, count.
func BenchmarkIngest(b *testing.B) {
	for _, n := range sizes {
		for _, form := range []string{"aggregates", "zstd"} {
			b.Run(fmt.Sprintf("%d/%s", n, form), func(b *testing.B) {
				in := payload(b, made(1, n), 0, form == "zstd")
				w := newWorkbench(b)
				w.run(b, in)
				runtime.GC()
				b.SetBytes(int64(len(in)))
				b.ReportAllocs()
				begun := cpu(b)
				for b.Loop() {
					w.run(b, in)
				}
				b.ReportMetric(float64((cpu(b)-begun).Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/event")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
			})
		}
	}
}
