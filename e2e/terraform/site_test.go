package terraform

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awslocal"
	delivery "github.com/eventlake/lake/laketest/awslocal/firehose"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
	"github.com/eventlake/lake/laketest/terraform"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
)

// site is what Terraform made, with its functions running.
type site struct {
	*awslocal.Cloud
	t         *testing.T
	made      terraform.Values
	calls     *recorder
	functions map[string]*lambda.Function // by the part: collect, ingest, ...
	url, key  string                      // of the collector
	log       lockedBuffer
}

// deployed is a function as the state has it.
type deployed struct {
	Name        string `json:"function_name"`
	Memory      int    `json:"memory_size"`
	Timeout     int    `json:"timeout"`
	Reserved    int    `json:"reserved_concurrent_executions"`
	Environment []struct {
		Variables map[string]string `json:"variables"`
	} `json:"environment"`
}

// run starts the functions of a deployed lake: every name, variable, memory and
// time is the deployed one; Kinesis, Firehose, Glue's check and Lambda itself,
// which moto does not do, are emulated beside it.
func run(t *testing.T, w *terraform.Workspace, moto *awslocal.Endpoint, environment string) *site {
	t.Helper()
	s := &site{t: t, calls: &recorder{stream: awslocal.NamesOf("lake", environment).Stream, calls: map[call]int{}}, functions: map[string]*lambda.Function{}}
	var err error
	if s.made, err = w.State(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := awslocal.CloudOptions{Names: awslocal.NamesOf("lake", environment), Moto: moto}
	for r := range s.made.All("aws_kinesis_firehose_delivery_stream") {
		o.Delivery = planned(t, r)
		o.Delivery.ActivePartitions = 5 // so that some lines cannot be placed
	}
	s.Cloud = awslocal.NewCloud(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the functions said:\n%s", s.log.tail())
		}
	})
	s.writeKeys()
	endpoints := map[string]*awslocal.Endpoint{"": s.Moto, "_KINESIS": s.Streams, "_GLUE": s.Catalog, "_LAMBDA": s.Lambda}
	if s.Delivery != nil {
		endpoints["_FIREHOSE"] = s.Delivery
	}
	env := map[string]string{}
	for service, e := range endpoints {
		env["AWS_ENDPOINT_URL"+service] = s.calls.front(t, e).URL
	}
	for r := range s.made.All("aws_lambda_function") {
		s.add(r, env)
	}
	s.wire()
	return s
}

// planned is a delivery stream as it is configured, with a shorter buffer.
func planned(t *testing.T, r terraform.Resource) *delivery.Config {
	t.Helper()
	var d struct {
		S3 []struct {
			Prefix      string `json:"prefix"`
			Error       string `json:"error_output_prefix"`
			Extension   string `json:"file_extension"`
			Compression string `json:"compression_format"`
			Processing  []struct {
				Processors []struct {
					Type       string
					Parameters []struct {
						Name  string `json:"parameter_name"`
						Value string `json:"parameter_value"`
					}
				}
			} `json:"processing_configuration"`
		} `json:"extended_s3_configuration"`
	}
	if err := json.Unmarshal(r.Values, &d); err != nil {
		t.Fatal(err)
	}
	x := d.S3[0]
	c := &delivery.Config{Prefix: x.Prefix, ErrorPrefix: x.Error, FileExtension: x.Extension, Gzip: x.Compression == "GZIP", BufferBytes: 64 << 20, BufferInterval: time.Minute}
	for _, p := range x.Processing[0].Processors {
		for _, v := range p.Parameters {
			switch v.Name {
			case "MetadataExtractionQuery":
				c.JQ = v.Value
			case "SubRecordType":
				c.SubRecordType = v.Value
			case "Delimiter":
				c.Append, _ = strconv.Unquote(`"` + v.Value + `"`) // Firehose is given \n in two characters
			}
		}
	}
	return c
}

// writeKeys puts a write key where the collector looks for it, as docs/aws.md
// says.
func (s *site) writeKeys() {
	s.t.Helper()
	dir := s.t.TempDir()
	store, err := keys.Open(disk.OS{}, dir, keys.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.key, _, err = store.Create("default", keys.Write, "test"); err != nil {
		s.t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.put("config/keys.json", text)
}

func (s *site) put(key string, body []byte) {
	s.t.Helper()
	_, err := s.Moto.S3().PutObject(s.t.Context(), &s3.PutObjectInput{Bucket: &s.Names.Bucket, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		s.t.Fatal(err)
	}
}

// add runs a function.
func (s *site) add(r terraform.Resource, env map[string]string) {
	s.t.Helper()
	var f deployed
	if err := json.Unmarshal(r.Values, &f); err != nil {
		s.t.Fatal(err)
	}
	part := strings.TrimPrefix(f.Name, s.Names.Lake+"-")
	cfg := lambda.Config{
		Name: f.Name, Bootstrap: awslocal.Bootstrap(s.t, part), MemoryMB: f.Memory, Timeout: time.Duration(f.Timeout) * time.Second,
		InitLimit: time.Minute, Concurrency: 2, Log: &s.log, Env: map[string]string{},
	}
	if f.Reserved > 0 {
		cfg.Concurrency = f.Reserved
	}
	// Nothing but what was deployed, and the way to this machine.
	for k := range s.Environment() {
		if strings.HasPrefix(k, "LAKE_") {
			cfg.Env[k] = ""
		}
	}
	maps.Copy(cfg.Env, f.Environment[0].Variables)
	maps.Copy(cfg.Env, env)
	cfg.Env["AWS_ACCESS_KEY_ID"] = part // by which the recorder tells who calls
	fn, err := s.AddFunction(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.functions[part] = fn
}

// wire connects what Lambda's mappings connect, with the deployed options and
// shorter windows.
func (s *site) wire() {
	s.t.Helper()
	mappings := 0
	for r := range s.made.All("aws_lambda_event_source_mapping") {
		mappings++
		var m struct {
			Source   string   `json:"event_source_arn"`
			Function string   `json:"function_name"`
			Batch    int      `json:"batch_size"`
			Bisect   bool     `json:"bisect_batch_on_function_error"`
			Parallel int      `json:"parallelization_factor"`
			MaxAge   int      `json:"maximum_record_age_in_seconds"`
			Types    []string `json:"function_response_types"`
			Failure  []struct {
				On []struct {
					ARN string `json:"destination_arn"`
				} `json:"on_failure"`
			} `json:"destination_config"`
		}
		if err := json.Unmarshal(r.Values, &m); err != nil {
			s.t.Fatal(err)
		}
		part := m.Function[strings.LastIndex(m.Function, "-")+1:]
		report := len(m.Types) == 1 && m.Types[0] == "ReportBatchItemFailures"
		if m.Source == arn("kinesis", "stream/"+s.Names.Stream) {
			if len(m.Failure) != 1 || m.Failure[0].On[0].ARN != "arn:aws:s3:::"+s.Names.Bucket {
				s.t.Errorf("what %s gives up goes to %+v", m.Function, m.Failure)
			}
			_, err := s.FromStream(s.functions[part], mapping.Kinesis{
				BatchSize: m.Batch, Window: 100 * time.Millisecond, Bisect: m.Bisect, Report: report, Parallel: max(1, m.Parallel),
				MaxAge: time.Duration(m.MaxAge) * time.Second, OnFailure: mapping.Bucket{Client: s.Moto.S3(), Name: s.Names.Bucket},
			})
			if err != nil {
				s.t.Fatal(err)
			}
			continue
		}
		s.queue(part, m.Source, m.Batch, report)
	}
	if mappings != 3 {
		s.t.Errorf("%d event source mappings, not those of ingest, curate and replay", mappings)
	}
	front, err := s.Front(s.functions["collect"])
	if err != nil {
		s.t.Fatal(err)
	}
	s.url = front.URL
}

// queue lets a function take the messages of a queue.
func (s *site) queue(part, source string, batch int, report bool) {
	s.t.Helper()
	client := sqs.NewFromConfig(s.Moto.Config())
	name := source[strings.LastIndex(source, ":")+1:]
	url, err := client.GetQueueUrl(s.t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	q, err := mapping.NewSQS(mapping.SQS{
		Client: client, URL: *url.QueueUrl, ARN: source, Target: s.functions[part], BatchSize: batch, Window: time.Second, Report: report, Concurrency: 1,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); q.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); <-done })
}

// post sends lines of events to the collector and returns its status.
func (s *site) post(lines, key string) (status int, answer string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/v1/events", strings.NewReader(lines))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// call invokes a function and reads its answer.
func (s *site) call(part string, in, out any) {
	s.t.Helper()
	payload, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	result, err := s.functions[part].Invoke(s.t.Context(), payload)
	if err != nil {
		s.t.Fatalf("%s %s: %v; %s", part, payload, err, lake.Hint(err))
	}
	if err := json.Unmarshal(result.Payload, out); err != nil {
		s.t.Fatalf("%s %s: answer %s: %v", part, payload, result.Payload, err)
	}
}

// eventually waits for something that others do.
func (s *site) eventually(what string, done func() bool) {
	s.t.Helper()
	const patience = 5 * time.Minute // other lakes are made and used at the same time
	for begun := time.Now(); !done(); time.Sleep(200 * time.Millisecond) {
		if time.Since(begun) > patience {
			s.t.Fatalf("after %v: not %s", patience, what)
		}
	}
}

// lockedBuffer takes what the functions print.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// tail is the end of it.
func (l *lockedBuffer) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const enough = 20_000
	text := l.b.Bytes()
	return string(text[max(0, len(text)-enough):])
}

type sqsAttribute = sqstypes.QueueAttributeName

// givenUp are all records of a shard as a batch that Lambda leaves: once with its
// payload, and once without, so that it has to be read out of the stream again.
func (s *site) givenUp() (shard string, texts []string) {
	s.t.Helper()
	shards, err := s.Kinesis().ListShards(s.t.Context(), &kinesis.ListShardsInput{StreamName: &s.Names.Stream})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, shard := range shards.Shards {
		it, err := s.Kinesis().GetShardIterator(s.t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: &s.Names.Stream, ShardId: shard.ShardId, ShardIteratorType: kinesistypes.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			s.t.Fatal(err)
		}
		out, err := s.Kinesis().GetRecords(s.t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(out.Records) == 0 {
			continue
		}
		var payload strings.Builder
		for i, r := range out.Records {
			fmt.Fprintf(&payload, `%s{"eventSource":"aws:kinesis","eventID":"%s:%s","eventSourceARN":%q,"kinesis":{"sequenceNumber":%q,"partitionKey":"k","data":%q,"approximateArrivalTimestamp":%.3f}}`,
				[]string{"", ","}[min(i, 1)], *shard.ShardId, *r.SequenceNumber, arn("kinesis", "stream/"+s.Names.Stream), *r.SequenceNumber,
				base64.StdEncoding.EncodeToString(r.Data), float64(r.ApproximateArrivalTimestamp.UnixMilli())/1000)
		}
		text, err := json.Marshal(`{"Records":[` + payload.String() + `]}`)
		if err != nil {
			s.t.Fatal(err)
		}
		info := fmt.Sprintf(`"requestContext":{"condition":"RetryAttemptsExhausted"},"KinesisBatchInfo":{"shardId":%q,"startSequenceNumber":%q,"endSequenceNumber":%q,"batchSize":%d}`,
			*shard.ShardId, *out.Records[0].SequenceNumber, *out.Records[len(out.Records)-1].SequenceNumber, len(out.Records))
		return *shard.ShardId, []string{"{" + info + `,"payload":` + string(text) + "}", "{" + info + "}"}
	}
	s.t.Fatal("the stream is empty")
	return "", nil
}
