package mapping

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
)

// SQSAPI is what a mapping calls of SQS.
type SQSAPI interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// SQS describes a mapping from a standard queue to a function.
type SQS struct {
	Client SQSAPI
	URL    string // of the queue
	ARN    string
	Target Target

	BatchSize   int           // messages of one batch, up to 10,000; 10 when 0
	Window      time.Duration // how long to gather a batch; needed above 10
	Report      bool          // ReportBatchItemFailures
	Concurrency int           // batches at the same time (MaximumConcurrency); 5 when 0, with which AWS begins
	Poll        time.Duration // the pause after an empty answer; 50 ms when 0
	Log         *slog.Logger  // nil is silent
}

// SQSMapping is a running mapping.
type SQSMapping struct {
	cfg SQS

	mu    sync.Mutex
	stats Stats
}

// NewSQS checks the configuration; Run does the work.
func NewSQS(cfg SQS) (*SQSMapping, error) {
	cfg.BatchSize = cmp.Or(cfg.BatchSize, 10)
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 5)
	cfg.Poll = cmp.Or(cfg.Poll, 50*time.Millisecond)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case cfg.BatchSize < 1 || cfg.BatchSize > 10_000:
		return nil, lake.Errorf(lake.ErrInvalid, "use 1 to 10,000", "batch size %d", cfg.BatchSize)
	case cfg.BatchSize > 10 && cfg.Window < time.Second:
		return nil, lake.Errorf(lake.ErrInvalid, "use a window of 1 s or more", "batch size %d without a window", cfg.BatchSize)
	}
	return &SQSMapping{cfg: cfg}, nil
}

// Run polls until ctx ends. A batch that was under way comes again after the
// queue's visibility time-out.
func (m *SQSMapping) Run(ctx context.Context) {
	var pollers sync.WaitGroup
	for range m.cfg.Concurrency {
		pollers.Go(func() {
			for ctx.Err() == nil {
				if err := m.round(ctx); err != nil && ctx.Err() == nil {
					m.cfg.Log.Warn("queue failed", "queue", m.cfg.URL, "error", err)
					if lake.Sleep(ctx, m.cfg.Poll) != nil {
						return
					}
				}
			}
		})
	}
	pollers.Wait()
}

// round gathers one batch and delivers it.
func (m *SQSMapping) round(ctx context.Context) error {
	batch, err := m.gather(ctx)
	if err != nil || len(batch) == 0 {
		return err
	}
	payload, err := m.event(batch)
	if err != nil {
		return err
	}
	res, err := m.cfg.Target.Invoke(ctx, payload)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case errors.Is(err, lambda.ErrThrottled):
		return nil // the messages come again
	case err != nil:
		m.count(func(s *Stats) { s.Invocations++; s.Failures++ })
		m.cfg.Log.Warn("invocation failed", "queue", m.cfg.URL, "messages", len(batch), "error", err)
		return nil
	}
	good := batch
	if m.cfg.Report {
		good = m.good(batch, res.Payload)
	}
	m.count(func(s *Stats) {
		s.Invocations++
		s.Delivered += int64(len(good))
		if len(good) < len(batch) {
			s.Partial++
		}
	})
	return m.remove(ctx, good)
}

// gather receives up to one batch, at most for the window.
func (m *SQSMapping) gather(ctx context.Context) ([]types.Message, error) {
	var batch []types.Message
	var begun time.Time // when the first message came
	for {
		out, err := m.cfg.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:                    &m.cfg.URL,
			MaxNumberOfMessages:         int32(min(10, m.cfg.BatchSize-len(batch))),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
			MessageAttributeNames:       []string{"All"},
		})
		if err != nil {
			return nil, fmt.Errorf("receive from %s: %w", m.cfg.URL, err)
		}
		if len(batch) == 0 && len(out.Messages) > 0 {
			begun = time.Now()
		}
		batch = append(batch, out.Messages...)
		if len(batch) == m.cfg.BatchSize || len(batch) > 0 && time.Since(begun) >= m.cfg.Window {
			return batch, nil
		}
		if len(out.Messages) == 0 && lake.Sleep(ctx, m.cfg.Poll) != nil {
			return nil, ctx.Err()
		}
	}
}

// event encodes a batch.
func (m *SQSMapping) event(batch []types.Message) ([]byte, error) {
	e := events.SQSEvent{Records: make([]events.SQSMessage, len(batch))}
	for i, msg := range batch {
		e.Records[i] = events.SQSMessage{
			MessageId:         aws.ToString(msg.MessageId),
			ReceiptHandle:     aws.ToString(msg.ReceiptHandle),
			Body:              aws.ToString(msg.Body),
			Md5OfBody:         aws.ToString(msg.MD5OfBody),
			Attributes:        msg.Attributes,
			MessageAttributes: map[string]events.SQSMessageAttribute{},
			EventSource:       "aws:sqs",
			EventSourceARN:    m.cfg.ARN,
			AWSRegion:         "us-east-1",
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode a batch of %s: %w", m.cfg.URL, err)
	}
	return b, nil
}

// good returns the messages that the function did not report as failed.
func (m *SQSMapping) good(batch []types.Message, answer []byte) []types.Message {
	ids := make([]string, len(batch))
	for i, msg := range batch {
		ids[i] = aws.ToString(msg.MessageId)
	}
	failed, whole := failures(answer, ids)
	if whole {
		return nil
	}
	good := make([]types.Message, 0, len(batch))
	for i, msg := range batch {
		if len(failed) > 0 && failed[0] == i {
			failed = failed[1:]
			continue
		}
		good = append(good, msg)
	}
	return good
}

// remove deletes messages; one that cannot be deleted comes again.
func (m *SQSMapping) remove(ctx context.Context, list []types.Message) error {
	for len(list) > 0 {
		n := min(10, len(list))
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &m.cfg.URL}
		for i, msg := range list[:n] {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: msg.ReceiptHandle})
		}
		out, err := m.cfg.Client.DeleteMessageBatch(ctx, in)
		if err != nil {
			return fmt.Errorf("delete from %s: %w", m.cfg.URL, err)
		}
		for _, f := range out.Failed {
			m.cfg.Log.Warn("message was not deleted", "queue", m.cfg.URL, "code", aws.ToString(f.Code))
		}
		list = list[n:]
	}
	return nil
}

// Caught waits until the queue is empty: nothing waits, is delayed or is being
// worked on. It needs a Run at the same time.
func (m *SQSMapping) Caught(ctx context.Context) error {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	for {
		out, err := m.cfg.Client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &m.cfg.URL, AttributeNames: names})
		if err != nil {
			return fmt.Errorf("look at %s: %w", m.cfg.URL, err)
		}
		empty := true
		for _, n := range names {
			empty = empty && out.Attributes[string(n)] == "0"
		}
		if empty {
			return nil
		}
		if lake.Sleep(ctx, m.cfg.Poll) != nil {
			return fmt.Errorf("empty %s, which has %v: %w", m.cfg.URL, out.Attributes, ctx.Err())
		}
	}
}

// Stats returns the counts so far.
func (m *SQSMapping) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

func (m *SQSMapping) count(f func(*Stats)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.stats)
}
