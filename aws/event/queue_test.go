package event_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/event"
)

func notification(t *testing.T, name, bucket, key string) string {
	t.Helper()
	var e events.S3Event
	e.Records = []events.S3EventRecord{{EventName: name, EventTime: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC),
		S3: events.S3Entity{Bucket: events.S3Bucket{Name: bucket}, Object: events.S3Object{Key: key, Size: 77}}}}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestCreatedObjectsAreRead(t *testing.T) {
	got, err := event.Created(notification(t, "ObjectCreated:CompleteMultipartUpload", "lake", "raw/event_type%3Da/x+y%2B.gz"), "lake")
	if err != nil || len(got) != 1 || got[0].Key != "raw/event_type=a/x y+.gz" || got[0].Bytes != 77 || got[0].Time.String() != "2026-06-01T12:00:00.000000Z" {
		t.Fatalf("%+v %v", got, err)
	}
}

func TestOtherNotificationsArePassedOver(t *testing.T) {
	for name, text := range map[string]string{
		"removed":      notification(t, "ObjectRemoved:Delete", "lake", "raw/x"),
		"other bucket": notification(t, "ObjectCreated:Put", "other", "raw/x"),
		"test":         `{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"lake"}`,
	} {
		if got, err := event.Created(text, "lake"); err != nil || len(got) > 0 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	for _, text := range []string{``, `{}`, `[]`, `x`, notification(t, "ObjectCreated:Put", "lake", "raw/%zz")} {
		if _, err := event.Created(text, "lake"); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMessagesAreToldFromOtherPayloads(t *testing.T) {
	in, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1", Body: "b1", EventSource: "aws:sqs"}, {MessageId: "m2", Body: "b2", EventSource: "aws:sqs"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := event.Messages(in)
	if !ok || len(got) != 2 || got[1] != (event.Message{ID: "m2", Body: "b2"}) {
		t.Fatalf("%+v %v", got, ok)
	}
	for _, in := range []string{``, `{}`, `{"task":"upkeep"}`, `{"Records":[{"eventSource":"aws:kinesis"}]}`} {
		if _, ok := event.Messages([]byte(in)); ok {
			t.Errorf("%s is taken for messages", in)
		}
	}
}
