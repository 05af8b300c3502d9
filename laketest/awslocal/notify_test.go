package awslocal_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/eventlake/lake/laketest/awslocal"
)

func TestABucketTellsAQueueOfItsNewObjects(t *testing.T) {
	t.Parallel()
	moto := awslocal.Moto(t)
	store, queues := moto.S3(), sqs.NewFromConfig(moto.Config())
	if _, err := store.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("lake")}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	q, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("curate")})
	if err != nil {
		t.Fatal(err)
	}
	if err := awslocal.Notify(t.Context(), store, "lake", "arn:aws:sqs:us-east-1:123456789012:curate", "raw/", "quarantine/"); err != nil {
		t.Fatal(err)
	}
	odd := "raw/event_type=a b/event_subtype=é+=&/x.gz"
	for _, key := range []string{odd, "tables/not-told", "quarantine/two"} {
		if _, err := store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: &key, Body: strings.NewReader("12345")}); err != nil {
			t.Fatal(err)
		}
	}
	multipart(t, store, "raw/three")

	want := map[string]int64{odd: 5, "quarantine/two": 5, "raw/three": 6 << 20}
	told := map[string]bool{}
	tests := 0
	for end := time.Now().Add(30 * time.Second); len(told) < len(want) && time.Now().Before(end); {
		out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.QueueUrl, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			var e events.S3Event
			if strings.Contains(*m.Body, "s3:TestEvent") {
				tests++
				continue
			}
			if err := json.Unmarshal([]byte(*m.Body), &e); err != nil || len(e.Records) != 1 {
				t.Fatalf("%s: %v", *m.Body, err)
			}
			r := e.Records[0]
			key, err := url.QueryUnescape(r.S3.Object.Key)
			if err != nil {
				t.Fatal(err)
			}
			if size, ok := want[key]; !ok || r.S3.Object.Size != size || r.S3.Bucket.Name != "lake" || !strings.HasPrefix(r.EventName, "ObjectCreated:") {
				t.Errorf("told of %+v", r)
			}
			if age := time.Since(r.EventTime); age < -time.Minute || age > time.Minute {
				t.Errorf("event time %v", r.EventTime)
			}
			told[key] = true // maybe not for the first time
		}
	}
	if len(told) < len(want) {
		t.Errorf("told of %v only, want %v", told, want)
	}
	if tests == 0 {
		t.Error("no test event, which AWS sends when notifications are switched on")
	}
}

// multipart uploads 6 MiB in two parts.
func multipart(t *testing.T, store *s3.Client, key string) {
	t.Helper()
	up, err := store.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("lake"), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for n, size := range []int{5 << 20, 1 << 20} {
		number := aws.Int32(int32(n + 1))
		out, err := store.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: aws.String("lake"), Key: &key, UploadId: up.UploadId, PartNumber: number, Body: bytes.NewReader(make([]byte, size))})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: number})
	}
	_, err = store.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: aws.String("lake"), Key: &key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		t.Fatal(err)
	}
}
