package firehose_test

import (
	"context"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/firehose"
)

// takesAll is a service without a network.
type takesAll struct{}

func (takesAll) PutRecordBatch(_ context.Context, in *sdk.PutRecordBatchInput, _ ...func(*sdk.Options)) (*sdk.PutRecordBatchOutput, error) {
	return &sdk.PutRecordBatchOutput{RequestResponses: make([]types.PutRecordBatchResponseEntry, len(in.Records))}, nil
}

// BenchmarkWrite is the CPU of joining 512-byte events of 100 partitions.
func BenchmarkWrite(b *testing.B) {
	for _, events := range []int{100, 1000, 10_000} {
		b.Run(map[int]string{100: "100", 1000: "1000", 10_000: "10000"}[events], func(b *testing.B) {
			sink, err := firehose.New(takesAll{}, firehose.Options{Stream: "s", Direct: keeper{&lake.Part{}}, Clock: func() lake.Instant { return 0 }})
			if err != nil {
				b.Fatal(err)
			}
			p := parts(100, events/100, 512)
			bytes := 0
			for i := range p {
				bytes += len(p[i].Lines)
			}
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sink.Write(b.Context(), "s", span(p), p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
		})
	}
}
