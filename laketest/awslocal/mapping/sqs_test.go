package mapping_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

// queues makes a queue with a visibility time-out of 1 s and, behind it, a
// queue for what was received three times.
func queues(t *testing.T) (client *sqs.Client, queue, dead string) {
	t.Helper()
	client = sqs.NewFromConfig(awslocal.Moto(t).Config())
	d, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
	if err != nil {
		t.Fatal(err)
	}
	q, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("work"), Attributes: map[string]string{
		string(types.QueueAttributeNameVisibilityTimeout): "1",
		string(types.QueueAttributeNameRedrivePolicy):     `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":"3"}`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return client, *q.QueueUrl, *d.QueueUrl
}

func send(t *testing.T, client *sqs.Client, queue string, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &b}); err != nil {
			t.Fatal(err)
		}
	}
}

// worker is a target that counts how often it gets each body.
type worker struct {
	fail func(body string, n int) bool // whether the n-th delivery fails

	mu      sync.Mutex
	seen    map[string]int
	largest int
	whole   bool // a failure is an error, else it is reported
}

func (w *worker) target() mapping.Target {
	w.seen = map[string]int{}
	return mapping.Func(func(_ context.Context, payload []byte) ([]byte, error) {
		var e events.SQSEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.largest = max(w.largest, len(e.Records))
		var out events.SQSEventResponse
		for _, r := range e.Records {
			w.seen[r.Body]++
			if w.fail != nil && w.fail(r.Body, w.seen[r.Body]) {
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
			}
		}
		if w.whole && len(out.BatchItemFailures) > 0 {
			return nil, errNo
		}
		return json.Marshal(out)
	})
}

func startSQS(t *testing.T, cfg mapping.SQS) *mapping.SQSMapping {
	t.Helper()
	m, err := mapping.NewSQS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rerun(t, m.Run)
	return m
}

func TestMessagesAreDeliveredAndDeleted(t *testing.T) {
	t.Parallel()
	client, queue, _ := queues(t)
	var want []string
	for i := range 35 {
		want = append(want, fmt.Sprintf("message-%03d", i))
	}
	send(t, client, queue, want...)
	w := &worker{}
	// One poller: several could share the messages out by one receive each.
	m := startSQS(t, mapping.SQS{Client: client, URL: queue, Target: w.target(), BatchSize: 20, Window: time.Second, Concurrency: 1})
	caught(t, m)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range want {
		if w.seen[b] == 0 {
			t.Errorf("%s was not delivered", b)
		}
	}
	if w.largest <= 10 || w.largest > 20 {
		t.Errorf("the largest batch had %d messages, want more than one receive gives and at most 20", w.largest)
	}
}

func TestOnlyReportedMessagesComeAgain(t *testing.T) {
	t.Parallel()
	client, queue, dead := queues(t)
	send(t, client, queue, "good", "late", "bad")
	w := &worker{fail: func(body string, n int) bool { return body == "bad" || body == "late" && n < 2 }}
	m := startSQS(t, mapping.SQS{Client: client, URL: queue, Target: w.target(), Report: true, Concurrency: 1})
	caught(t, m)
	w.mu.Lock()
	if w.seen["good"] != 1 || w.seen["late"] != 2 || w.seen["bad"] != 3 {
		t.Errorf("deliveries %v, want good once, late twice, bad three times", w.seen)
	}
	w.mu.Unlock()
	mustHave(t, client, dead, "bad")
}

func TestAFailedInvocationBringsAllMessagesAgain(t *testing.T) {
	t.Parallel()
	client, queue, dead := queues(t)
	send(t, client, queue, "good", "bad")
	w := &worker{whole: true, fail: func(body string, n int) bool { return body == "bad" && n < 3 }}
	m := startSQS(t, mapping.SQS{Client: client, URL: queue, Target: w.target(), Concurrency: 1})
	caught(t, m)
	w.mu.Lock()
	if w.seen["bad"] != 3 {
		t.Errorf("deliveries %v", w.seen)
	}
	w.mu.Unlock()
	mustHave(t, client, dead)
	if st := m.Stats(); st.Failures != 2 {
		t.Errorf("stats %+v", st)
	}
}

// mustHave drains a queue and compares.
func mustHave(t *testing.T, client *sqs.Client, queue string, want ...string) {
	t.Helper()
	var got []string
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Messages {
		got = append(got, *m.Body)
	}
	if !slices.Equal(got, want) {
		t.Errorf("queue %s has %v, want %v", queue[strings.LastIndexByte(queue, '/')+1:], got, want)
	}
}

func TestALargeBatchNeedsAWindow(t *testing.T) {
	t.Parallel()
	if _, err := mapping.NewSQS(mapping.SQS{BatchSize: 11}); err == nil {
		t.Error("a batch of 11 without a window is accepted")
	}
}
