package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"

	"github.com/eventlake/lake"
)

// Why a batch is given up.
const (
	conditionAttempts = "RetryAttemptsExhausted"
	conditionAge      = "RecordAgeExceeded"
)

// Failure is the document that tells of a batch that was given up.
type Failure struct {
	RequestContext  RequestContext   `json:"requestContext"`
	ResponseContext *ResponseContext `json:"responseContext,omitempty"` // when it was invoked
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	Kinesis         KinesisBatchInfo `json:"KinesisBatchInfo"`
	Payload         string           `json:"payload,omitempty"` // the event, for S3 only
}

// RequestContext says which invocation failed, and why it is not tried again.
type RequestContext struct {
	RequestID   string `json:"requestId"`
	FunctionARN string `json:"functionArn"`
	Condition   string `json:"condition"`
	Invocations int    `json:"approximateInvokeCount"`
}

// ResponseContext says how the last invocation ended.
type ResponseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError"`
}

// KinesisBatchInfo holds the coordinates of the records.
type KinesisBatchInfo struct {
	ShardID   string `json:"shardId"`
	First     string `json:"startSequenceNumber"`
	Last      string `json:"endSequenceNumber"`
	FirstTime string `json:"approximateArrivalOfFirstRecord"`
	LastTime  string `json:"approximateArrivalOfLastRecord"`
	Records   int    `json:"batchSize"`
	StreamARN string `json:"streamArn"`
}

// Destination takes what a mapping gives up. event is the invocation's event.
type Destination interface {
	Send(ctx context.Context, mapping string, f Failure, event []byte) error
}

// Queue is a destination in SQS: it gets the coordinates only.
type Queue struct {
	Client *sqs.Client
	URL    string
}

// Send puts one message into the queue.
func (q Queue) Send(ctx context.Context, _ string, f Failure, _ []byte) error {
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode a failure: %w", err)
	}
	if _, err := q.Client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.URL, MessageBody: aws.String(string(body))}); err != nil {
		return fmt.Errorf("send a failure to %s: %w", q.URL, err)
	}
	return nil
}

// Bucket is a destination in S3: it gets the event too.
type Bucket struct {
	Client *s3.Client
	Name   string
}

// Send writes one object, named for mapping, shard and time.
func (b Bucket) Send(ctx context.Context, mapping string, f Failure, event []byte) error {
	f.Payload = string(event)
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode a failure: %w", err)
	}
	now := time.Now().UTC()
	key := fmt.Sprintf("aws/lambda/%s/%s/%s/%s-%s", mapping, f.Kinesis.ShardID, now.Format("2006/01/02"), now.Format("2006-01-02T15.04.05"), uuid.NewString())
	if _, err := b.Client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.Name, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		return fmt.Errorf("write a failure to %s/%s: %w", b.Name, key, err)
	}
	return nil
}

// deliveries is how often a failure is offered to its destination.
const deliveries = 5

// giveUp sends a batch to the destination. What the destination does not take
// is lost to the function, as on AWS; Stats.Lost counts it. false means that ctx
// ended first: the batch is still to be delivered.
func (m *KinesisMapping) giveUp(ctx context.Context, s *shard, batch []record, c chunk, condition string) bool {
	first, last := batch[0], batch[len(batch)-1]
	f := Failure{
		RequestContext: RequestContext{RequestID: uuid.NewString(), FunctionARN: m.cfg.Target.ARN(), Condition: condition, Invocations: c.attempts},
		Version:        "1.0",
		Timestamp:      stamp(time.Now()),
		Kinesis: KinesisBatchInfo{
			ShardID: s.id, First: first.seq, Last: last.seq, FirstTime: stamp(first.arrived), LastTime: stamp(last.arrived),
			Records: len(batch), StreamARN: m.cfg.StreamARN(),
		},
	}
	if condition == conditionAttempts {
		f.ResponseContext = &ResponseContext{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: "Unhandled"}
	}
	m.cfg.Log.Warn("batch given up", "shard", s.id, "records", len(batch), "from", first.seq, "condition", condition)
	lost := int64(0)
	pause := m.cfg.Pause
	for n := 1; m.cfg.OnFailure != nil; n++ {
		err := m.cfg.OnFailure.Send(ctx, m.cfg.UUID, f, event(batch))
		if err == nil {
			break
		}
		m.cfg.Log.Warn("destination failed", "shard", s.id, "error", err)
		if n == deliveries {
			lost = int64(len(batch))
			break
		}
		if lake.Sleep(ctx, pause) != nil {
			return false
		}
		pause *= 2
	}
	m.count(func(st *Stats) { st.GivenUp += int64(len(batch)); st.Lost += lost })
	return true
}

// stamp writes a time with milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
