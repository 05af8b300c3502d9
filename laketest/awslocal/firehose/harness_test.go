package firehose_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	emulator "github.com/eventlake/lake/laketest/awslocal/firehose"
)

// bucket is an S3 in memory.
type bucket struct {
	mu      sync.Mutex
	broken  bool
	objects map[string][]byte
}

func (b *bucket) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken {
		return nil, errors.New("no such bucket")
	}
	if b.objects == nil {
		b.objects = map[string][]byte{}
	}
	b.objects[*in.Key] = body
	return &s3.PutObjectOutput{}, nil
}

// lines returns what the objects of a prefix hold, sorted by key.
func (b *bucket) lines(t *testing.T, prefix string) []string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		body := b.objects[key]
		if strings.HasSuffix(key, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		lines = append(lines, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
	}
	return lines
}

func (b *bucket) keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a stream with its client, its bucket and its clock.
type world struct {
	*testing.T
	stream *emulator.Stream
	client *firehose.Client
	bucket *bucket
	clock  *clock
}

// partitioned is a stream that places lines by type and day.
func partitioned() emulator.Config {
	return emulator.Config{
		Prefix:        "raw/type=!{partitionKeyFromQuery:type}/day=!{partitionKeyFromQuery:day}/",
		ErrorPrefix:   "failed/!{firehose:error-output-type}/!{timestamp:yyyy'-'MM'-'dd}/",
		JQ:            `{type: .event_type, day: .at[8:10]}`,
		SubRecordType: "JSON",
		Append:        "\n",
		Gzip:          true,
	}
}

func start(t *testing.T, cfg emulator.Config) *world {
	t.Helper()
	w := &world{T: t, bucket: &bucket{}, clock: &clock{now: time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)}}
	cfg.Name, cfg.Bucket, cfg.Now = "delivery", "lake", w.clock.Now
	var err error
	if w.stream, err = emulator.NewStream(w.bucket, cfg); err != nil {
		t.Fatal(err)
	}
	w.client = startServer(t, w.stream)
	return w
}

// startServer serves a stream to a client that tries only once.
func startServer(t *testing.T, s *emulator.Stream) *firehose.Client {
	t.Helper()
	server := httptest.NewServer(emulator.NewServer(s))
	t.Cleanup(server.Close)
	return firehose.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// put sends one record and fails the test when it is not taken.
func (w *world) put(record string) {
	w.Helper()
	out, err := w.batch(record)
	if err != nil || aws.ToInt32(out.FailedPutCount) > 0 {
		w.Fatalf("put: %v, %+v", err, out)
	}
}

func (w *world) batch(records ...string) (*firehose.PutRecordBatchOutput, error) {
	in := &firehose.PutRecordBatchInput{DeliveryStreamName: aws.String("delivery"), Records: []types.Record{}}
	for _, r := range records {
		in.Records = append(in.Records, types.Record{Data: []byte(r)})
	}
	return w.client.PutRecordBatch(w.Context(), in)
}

func (w *world) deliver() {
	w.Helper()
	if err := w.stream.Deliver(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) flush() {
	w.Helper()
	if err := w.stream.Flush(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// event is a line that partitioned can place.
func event(kind string, day, n int) string {
	return fmt.Sprintf(`{"event_type":%q,"at":"2026-11-%02dT00:00:00Z","n":%d}`, kind, day, n)
}

// failure is one document of the error prefix.
type failure struct {
	Code    string `json:"errorCode"`
	Message string `json:"errorMessage"`
	Raw     []byte `json:"rawData"`
}

func (w *world) failures(prefix string) []failure {
	w.Helper()
	var list []failure
	for _, line := range w.bucket.lines(w.T, prefix) {
		var f failure
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			w.Fatalf("%q: %v", line, err)
		}
		list = append(list, f)
	}
	return list
}
