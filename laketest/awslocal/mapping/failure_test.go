package mapping_test

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

// given is a destination in memory.
type given struct {
	mu     sync.Mutex
	list   []mapping.Failure
	events [][]byte
}

func (g *given) Send(_ context.Context, _ string, f mapping.Failure, event []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list, g.events = append(g.list, f), append(g.events, event)
	return nil
}

func TestWhatIsGivenUpCanBeReadAgainFromItsCoordinates(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 9)...)
	moto := awslocal.Moto(t)
	q := sqs.NewFromConfig(moto.Config())
	queue, err := q.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("failed")})
	if err != nil {
		t.Fatal(err)
	}
	f := &function{answer: failIf("a:004")}
	m, _ := start(t, mapping.Kinesis{
		Client: s.Client, Stream: s.Name, Target: f.target(), BatchSize: 3, Attempts: 3,
		OnFailure: mapping.Queue{Client: q, URL: *queue.QueueUrl},
	})
	caught(t, m)
	_, taken := f.seen()
	if want := append(numbered("a", 0, 3), numbered("a", 6, 3)...); !slices.Equal(taken, want) {
		t.Errorf("taken %v, want %v", taken, want)
	}
	got, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("%d messages, %v", len(got.Messages), err)
	}
	var fail mapping.Failure
	if err := json.Unmarshal([]byte(*got.Messages[0].Body), &fail); err != nil {
		t.Fatal(err)
	}
	if fail.Payload != "" || fail.RequestContext.Condition != "RetryAttemptsExhausted" || fail.RequestContext.Invocations != 3 || fail.Kinesis.Records != 3 {
		t.Errorf("failure %+v", fail)
	}
	it, err := s.Client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: &s.Name, ShardId: &fail.Kinesis.ShardID, ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: &fail.Kinesis.First,
	})
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.Client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator, Limit: aws.Int32(3)})
	if err != nil {
		t.Fatal(err)
	}
	if string(records.Records[0].Data) != "a:003" || *records.Records[2].SequenceNumber != fail.Kinesis.Last {
		t.Errorf("the coordinates lead to %s .. %s", records.Records[0].Data, *records.Records[2].SequenceNumber)
	}
}

func TestABucketGetsTheEventToo(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 2)...)
	client := awslocal.Moto(t).S3()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("lake")}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	f := &function{answer: failIf("a:001")}
	m, _ := start(t, mapping.Kinesis{
		Client: s.Client, Stream: s.Name, Target: f.target(), Attempts: 1, UUID: "the-mapping",
		OnFailure: mapping.Bucket{Client: client, Name: "lake"},
	})
	caught(t, m)
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("lake")})
	if err != nil || len(list.Contents) != 1 {
		t.Fatalf("%d objects, %v", len(list.Contents), err)
	}
	if key := *list.Contents[0].Key; !strings.HasPrefix(key, "aws/lambda/the-mapping/shardId-000000000000/20") {
		t.Errorf("key %s", key)
	}
	object, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: list.Contents[0].Key})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(object.Body)
	if err != nil {
		t.Fatal(err)
	}
	var fail mapping.Failure
	if err := json.Unmarshal(body, &fail); err != nil {
		t.Fatal(err)
	}
	var e events.KinesisEvent
	if err := json.Unmarshal([]byte(fail.Payload), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Records) != 2 || string(e.Records[1].Kinesis.Data) != "a:001" {
		t.Errorf("the payload has %+v", e.Records)
	}
}

// broken is a destination that takes nothing.
type broken struct{ calls atomic.Int64 }

func (b *broken) Send(context.Context, string, mapping.Failure, []byte) error {
	b.calls.Add(1)
	return errNo
}

func TestWhatADestinationRefusesIsCountedAsLost(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 2)...)
	var b broken
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: (&function{answer: failIf("a:001")}).target(), Attempts: 1, OnFailure: &b})
	caught(t, m)
	if st := m.Stats(); st.Lost != 2 || st.GivenUp != 2 || b.calls.Load() != 5 {
		t.Errorf("stats %+v after %d offers", st, b.calls.Load())
	}
}
