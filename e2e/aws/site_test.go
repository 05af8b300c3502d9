package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/aws/glue"
	objects "github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awslocal"
	delivery "github.com/eventlake/lake/laketest/awslocal/firehose"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/lambda/curate"
)

// settings is the lake.yaml of both lakes.
const settings = `sources:
  github:
    event: {id: id, type: type, subtype: payload.action, time: created_at}
`

// setup is what a test wants otherwise than usual.
type setup struct {
	shards    int
	buffer    time.Duration // of the delivery stream; until Settle when 0
	faults    delivery.Faults
	open      int                      // partitions that the delivery stream may have; 500 when 0
	curates   int                      // calls of lambda-curate at once; 1 when 0
	told      []string                 // prefixes with notifications; raw and quarantine when nil
	invisible time.Duration            // of messages that were received
	env       map[string]string        // for every function
	timeouts  map[string]time.Duration // of the functions; else 2 minutes
	kill      map[string]func(n int) lambda.Fault
	mapping   func(*mapping.Kinesis)
}

// site is a lake on an emulated cloud with all its functions.
type site struct {
	*awslocal.Cloud
	t         *testing.T
	dynamodb  *gate // in front of it, for the functions
	functions map[string]*lambda.Function
	records   *mapping.KinesisMapping
	messages  *mapping.SQSMapping
	url       string // of the collector
	log       *tail
	begun     lake.Instant
}

func newSite(t *testing.T, o setup) *site {
	t.Helper()
	bootstrap(t, "ingest") // the build is not the cloud's time
	s := &site{t: t, functions: map[string]*lambda.Function{}, log: &tail{}, begun: lake.SystemClock()}
	if o.buffer == 0 {
		o.buffer = 15 * time.Minute
	}
	if o.told == nil {
		o.told = []string{"raw/", "quarantine/"}
	}
	s.Cloud = awslocal.NewCloud(t, awslocal.CloudOptions{
		Names: awslocal.NamesOf("lake", "test"), Shards: o.shards, Told: o.told, Invisible: o.invisible,
		Delivery: &delivery.Config{
			Prefix: firehose.Prefix, ErrorPrefix: firehose.ErrorPrefix, FileExtension: firehose.FileExtension, Gzip: true,
			JQ: firehose.JQ, SubRecordType: firehose.SubRecordType, Append: "\n",
			BufferBytes: 128 << 20, BufferInterval: o.buffer, Faults: o.faults, ActivePartitions: o.open,
		},
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the functions said last:\n%s", s.log)
		}
	})
	s.resources()
	s.dynamodb = newGate(t, s.Moto)
	for _, name := range []string{"collect", "ingest", "curate", "replay", "audit"} {
		s.add(name, o)
	}
	s.wire(o)
	return s
}

// resources makes what Terraform makes besides the cloud's own.
func (s *site) resources() {
	s.t.Helper()
	client := sdkdynamodb.NewFromConfig(s.Moto.Config())
	if err := dynamodb.CreateTables(s.t.Context(), client, s.ledgerOptions()); err != nil {
		s.t.Fatal(err)
	}
	s.put("config/lake.yaml", settings)
}

// put writes an object.
func (s *site) put(key, body string) {
	s.t.Helper()
	_, err := s.Moto.S3().PutObject(s.t.Context(), &s3.PutObjectInput{Bucket: &s.Names.Bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		s.t.Fatal(err)
	}
}

// add makes a function.
func (s *site) add(name string, o setup) {
	s.t.Helper()
	cfg := lambda.Config{
		Name: s.Names.Lake + "-" + name, Bootstrap: bootstrap(s.t, name), MemoryMB: 512, Timeout: 2 * time.Minute, InitLimit: time.Minute,
		Concurrency: 4, Log: s.log, Fault: o.kill[name],
		Env: map[string]string{"LAKE_CONFIG": "s3://" + s.Names.Bucket + "/config/lake.yaml", "AWS_ENDPOINT_URL_DYNAMODB": s.dynamodb.url},
	}
	if name == "curate" {
		cfg.Concurrency = max(o.curates, 1)
	}
	if d, ok := o.timeouts[name]; ok {
		cfg.Timeout = d
	}
	maps.Copy(cfg.Env, o.env)
	f, err := s.AddFunction(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.functions[name] = f
}

// wire lets stream and queue invoke the functions, and serves the collector.
func (s *site) wire(o setup) {
	s.t.Helper()
	m := mapping.Kinesis{
		BatchSize: 10_000, Window: 200 * time.Millisecond, Bisect: true, Report: true,
		OnFailure: mapping.Bucket{Client: s.Moto.S3(), Name: s.Names.Bucket},
	}
	if o.mapping != nil {
		o.mapping(&m)
	}
	var err error
	if s.records, err = s.FromStream(s.functions["ingest"], m); err != nil {
		s.t.Fatal(err)
	}
	if s.messages, err = s.FromQueue(s.functions["curate"], mapping.SQS{BatchSize: 1000, Window: time.Second, Report: true, Concurrency: max(o.curates, 1)}); err != nil {
		s.t.Fatal(err)
	}
	front, err := s.Front(s.functions["collect"])
	if err != nil {
		s.t.Fatal(err)
	}
	s.url = front.URL
}

// patience bounds the wait for what is under way: only a lake that is stuck
// comes to its end.
const patience = 5 * time.Minute

// settle waits until everything that was sent has gone its way.
func (s *site) settle(patience time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.Settle(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// call invokes a function and reads its answer into out.
func (s *site) call(name string, in, out any) {
	s.t.Helper()
	if err := s.try(name, in, out); err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
}

// try is call for what may fail.
func (s *site) try(name string, in, out any) error {
	payload, err := json.Marshal(in)
	if err != nil {
		return err
	}
	result, err := s.functions[name].Invoke(s.t.Context(), payload)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(result.Payload, out)
}

// audit holds the books of the whole test against each other.
func (s *site) audit() (r audit.Report) {
	s.t.Helper()
	s.call("audit", audit.Request{From: hour(s.begun.Hour()), To: hour(lake.SystemClock().Hour().Add(time.Hour)), Stream: true}, &r)
	return r
}

func hour(t lake.Instant) string { return t.Time().Format(time.RFC3339) }

// balanced demands an audit without a finding.
func (s *site) balanced() audit.Report {
	s.t.Helper()
	r := s.audit()
	if r.Gap != 0 || r.Doubled != 0 || r.InFlight != 0 || len(r.Problems) != 0 {
		s.t.Errorf("the books do not balance: gap %d, doubled %d, in flight %d\n%s", r.Gap, r.Doubled, r.InFlight, strings.Join(r.Problems, "\n"))
	}
	return r
}

func (s *site) ledgerOptions() dynamodb.Options {
	return dynamodb.Options{Claims: s.Names.Claims, Ledger: s.Names.Ledger}
}

// state opens what the lake holds, as its Lambdas do.
func (s *site) state() state {
	s.t.Helper()
	store, err := objects.New(objects.NewClient(s.Moto.Config()), objects.Options{Bucket: s.Names.Bucket})
	if err != nil {
		s.t.Fatal(err)
	}
	o := s.ledgerOptions()
	o.Store = store
	catalog, err := glue.New(glue.NewClient(s.Catalog.Config()), store, glue.Options{Database: s.Names.Database, Root: "s3://" + s.Names.Bucket})
	if err != nil {
		s.t.Fatal(err)
	}
	return state{name: "the cloud", store: store, catalog: catalog, ledger: dynamodb.New(dynamodb.NewClient(s.Moto.Config(), 8), o)}
}

// keys lists the objects below a prefix.
func (s *site) keys(prefix string) (keys []string) {
	s.t.Helper()
	pages := s3.NewListObjectsV2Paginator(s.Moto.S3(), &s3.ListObjectsV2Input{Bucket: &s.Names.Bucket, Prefix: aws.String(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys
}

// tell sends the notification about an object to the queue.
func (s *site) tell(key string) {
	s.t.Helper()
	_, err := sqs.NewFromConfig(s.Moto.Config()).SendMessage(s.t.Context(), &sqs.SendMessageInput{QueueUrl: &s.QueueURL, MessageBody: aws.String(s.notification(key))})
	if err != nil {
		s.t.Fatal(err)
	}
}

// notification is what S3 says of a new object.
func (s *site) notification(key string) string {
	return fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","eventTime":%q,`+
		`"s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1000}}}]}`, time.Now().UTC().Format(time.RFC3339), s.Names.Bucket, url.QueryEscape(key))
}

// shards counts all shards that the stream has had.
func (s *site) shards() int {
	s.t.Helper()
	all, err := s.Stream.Shards(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return len(all)
}

// upkeep lets lambda-curate look for what it was not told of, as its schedule
// does again and again, until nothing waits.
func (s *site) upkeep() (r curate.Report) {
	s.t.Helper()
	for range 10 {
		if err := s.try("curate", curate.Task{Task: "upkeep"}, &r); err == nil && r.Waiting == 0 {
			return r
		} else if err != nil && !s.killed(err) {
			s.t.Fatal(err)
		}
	}
	s.t.Fatalf("%d raw files still wait", r.Waiting)
	return r
}

// killed reports whether an invocation ended because its process did.
func (s *site) killed(err error) bool {
	var failed *lambda.FunctionError
	return errors.As(err, &failed) && failed.Type == "Runtime.ExitError"
}

// tail keeps what the functions said last.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 64 << 10

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if os.Getenv("LAKE_LAMBDA_LOGS") != "" {
		_, _ = os.Stderr.Write(b) // for whoever looks on
	}
	l.buf = append(l.buf, b...)
	if over := len(l.buf) - 2*tailBytes; over > 0 {
		l.buf = append(l.buf[:0], l.buf[over+tailBytes:]...)
	}
	return len(b), nil
}

// String returns what is kept, without reports and metrics.
func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bytes.Buffer
	for line := range bytes.Lines(l.buf) {
		if !bytes.Contains(line, []byte("REPORT RequestId: ")) && !bytes.Contains(line, []byte(`"_aws"`)) {
			b.Write(line)
		}
	}
	return b.String()
}
