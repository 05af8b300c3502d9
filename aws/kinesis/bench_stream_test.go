package kinesis_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

// void is a Kinesis that takes everything and gives the same records for ever,
// so that a benchmark measures this package and not the network.
type void struct {
	*fake
	records []types.Record
}

func (v void) PutRecords(_ context.Context, in *sdk.PutRecordsInput, _ ...func(*sdk.Options)) (*sdk.PutRecordsOutput, error) {
	out := &sdk.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(in.Records))}
	for i := range out.Records {
		out.Records[i].ShardId = aws.String("shardId-000000000000")
	}
	return out, nil
}

func (v void) GetRecords(_ context.Context, in *sdk.GetRecordsInput, _ ...func(*sdk.Options)) (*sdk.GetRecordsOutput, error) {
	return &sdk.GetRecordsOutput{Records: append([]types.Record(nil), v.records...), NextShardIterator: in.ShardIterator, MillisBehindLatest: aws.Int64(1)}, nil
}

func BenchmarkAppend(b *testing.B) {
	s, err := kinesis.New(void{fake: newFake(b, 1)}, kinesis.Options{Stream: "events"})
	if err != nil {
		b.Fatal(err)
	}
	es := events(0, 1000, 512)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Append(b.Context(), es); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(es)), "ns/event")
}

func BenchmarkRead(b *testing.B) {
	v := void{fake: newFake(b, 1)}
	es := batch()
	for i := range 4 {
		v.records = append(v.records, types.Record{Data: pack(es...), SequenceNumber: aws.String(fmt.Sprint(4959_000 + i)), ApproximateArrivalTimestamp: aws.Time(time.Unix(1_767_225_600, 0))})
	}
	s, err := kinesis.New(v, kinesis.Options{Stream: "events", ReadPause: -1})
	if err != nil {
		b.Fatal(err)
	}
	var records lake.Batch
	total := 0
	b.ReportAllocs()
	for b.Loop() {
		// From the beginning each time, with a new cursor.
		if err := s.Read(b.Context(), first, lake.Position{}, 1<<20, &records); err != nil {
			b.Fatal(err)
		}
		total += len(records.Records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total), "ns/event")
}
