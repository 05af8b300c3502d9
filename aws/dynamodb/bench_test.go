package dynamodb_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/memory"
)

// granting is a client without network and without work: every put is taken,
// or every one is refused by the same item.
type granting struct {
	dynamodb.Client
	out     *sdk.PutItemOutput
	refused error
}

func (g *granting) PutItem(context.Context, *sdk.PutItemInput, ...func(*sdk.Options)) (*sdk.PutItemOutput, error) {
	return g.out, g.refused
}

// BenchmarkClaim is what the ledger itself costs an event, without the SDK.
func BenchmarkClaim(b *testing.B) {
	granted := &granting{out: &sdk.PutItemOutput{ConsumedCapacity: &types.ConsumedCapacity{CapacityUnits: aws.Float64(1)}}}
	refused := &granting{refused: &types.ConditionalCheckFailedException{Item: map[string]types.AttributeValue{
		"o": &types.AttributeValueMemberS{Value: "shardId-000000000001/49590338271490256608559692538361571095921575989136588898"},
		"f": &types.AttributeValueMemberN{Value: "7"},
		"e": &types.AttributeValueMemberN{Value: "1900000000"},
	}}}
	for _, c := range []struct {
		name   string
		client *granting
		copies uint64
	}{{"owned", granted, 1}, {"taken", refused, 1}, {"twice in a call", granted, 2}} {
		for _, size := range []uint64{100, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				l := dynamodb.New(c.client, dynamodb.Options{})
				claims := make([]lake.Claim, size)
				for i := range claims {
					n := uint64(i)
					claims[i] = lake.Claim{ID: id(n / c.copies), Position: kinesisPosition(n + 1), Time: epoch, Fingerprint: uint32(n / c.copies)}
				}
				out := make([]lake.Outcome, size)
				b.ReportAllocs()
				for b.Loop() {
					if err := l.Claim(b.Context(), shard, claims, out); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/event")
			})
		}
	}
}

// canned is a transport that answers every request at once.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	const body = `{"ConsumedCapacity":{"TableName":"claims","CapacityUnits":1.0}}`
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
	}, nil
}

// BenchmarkClaimThroughTheSDK adds what the SDK costs an event: it makes, signs
// and reads a request, without a network.
func BenchmarkClaimThroughTheSDK(b *testing.B) {
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	client := sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		o.HTTPClient, o.Retryer = &http.Client{Transport: canned{}}, aws.NopRetryer{}
	})
	l := dynamodb.New(client, dynamodb.Options{})
	const size = 1000
	claims, out := claimsOf(sequence(0, size)...), make([]lake.Outcome, size)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Claim(b.Context(), shard, claims, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/event")
}

// BenchmarkColdJournal reads a ledger as a new process does, with as many live
// files as a delivery service writes for a million events an hour in six days.
func BenchmarkColdJournal(b *testing.B) {
	const files, batch = 150_000, 1000
	store := memory.NewStore()
	o := dynamodb.Options{Store: store, Retry: atOnce(), Checkpoint: files / batch}
	db := fake(o)
	l := dynamodb.New(db, o)
	for n := uint64(0); n < files; n += batch {
		c := lake.Commit{Shard: "arrivals", Span: lake.Span{After: lake.Pos(n), To: lake.Pos(n + batch)}}
		for i := n; i < n+batch; i++ {
			f := file(i + 1)
			c.Add = append(c.Add, lake.File{
				Key: f.Key, Kind: f.Kind, Partition: f.Partition, Shard: "arrivals", Bytes: 10_000 + int64(i*2654435761%5000),
				Span: lake.Span{After: lake.Pos(i), To: lake.Pos(i + 1)}, Received: epoch + lake.Instant(i*3_456_789),
			})
		}
		if err := l.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dynamodb.New(db, o).Journal(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	for info, err := range store.List(b.Context(), "ledger/") {
		if err != nil {
			b.Fatal(err)
		}
		if strings.Contains(string(info.Key), "checkpoint") {
			b.ReportMetric(float64(info.Bytes)/files, "bytes/file")
		}
	}
}
