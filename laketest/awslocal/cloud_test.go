package awslocal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake/laketest/awslocal"
	delivery "github.com/eventlake/lake/laketest/awslocal/firehose"
	emulator "github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

// The test binary is also the bootstraps of a small pipeline, which finds its
// way by the variables of the cloud alone.
const beBootstrap = "LAKE_TEST_BOOTSTRAP"

func TestMain(m *testing.M) {
	switch os.Getenv(beBootstrap) {
	case "":
		os.Exit(m.Run())
	case "collect":
		runtime.Start(collect)
	case "ingest":
		runtime.Start(ingest)
	case "curate":
		runtime.Start(curate)
	}
}

// collect puts a request's body into the stream.
func collect(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	_, err = kinesis.NewFromConfig(cfg).PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: aws.String(os.Getenv("LAKE_AWS_STREAM")), Data: []byte(r.Body), PartitionKey: aws.String(r.Body),
	})
	return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusAccepted}, err
}

// ingest gives a batch to Firehose.
func ingest(ctx context.Context, e events.KinesisEvent) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	in := &firehose.PutRecordBatchInput{DeliveryStreamName: aws.String(os.Getenv("LAKE_AWS_FIREHOSE"))}
	for _, r := range e.Records {
		in.Records = append(in.Records, firehosetypes.Record{Data: r.Kinesis.Data})
	}
	out, err := firehose.NewFromConfig(cfg).PutRecordBatch(ctx, in)
	if err == nil && *out.FailedPutCount > 0 {
		err = errors.New("not all records were taken")
	}
	return err
}

// curate copies the lines of new objects into one object each, and starts
// another invocation of itself to leave a mark.
func curate(ctx context.Context, payload json.RawMessage) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	store, bucket := s3.NewFromConfig(cfg), aws.String(os.Getenv("LAKE_AWS_BUCKET"))
	if string(payload) == `"mark"` {
		_, err := store.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("mark"), Body: strings.NewReader("x")})
		return err
	}
	var queue events.SQSEvent
	if err := json.Unmarshal(payload, &queue); err != nil {
		return err
	}
	for _, m := range queue.Records {
		var e events.S3Event
		if err := json.Unmarshal([]byte(m.Body), &e); err != nil {
			return err
		}
		for _, r := range e.Records {
			object, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &r.S3.Object.URLDecodedKey})
			if err != nil {
				return err
			}
			for lines := bufio.NewScanner(object.Body); lines.Scan(); {
				if _, err := store.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("table/" + lines.Text()), Body: strings.NewReader("x")}); err != nil {
					return err
				}
			}
		}
	}
	_, err = lambda.NewFromConfig(cfg).Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(os.Getenv("AWS_LAMBDA_FUNCTION_NAME")), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`"mark"`),
	})
	return err
}

func TestAnEventGoesItsWholeWayThroughTheCloud(t *testing.T) {
	t.Parallel()
	c := awslocal.NewCloud(t, awslocal.CloudOptions{
		Names:     awslocal.NamesOf("lake", "test"),
		Told:      []string{"raw/"},
		Invisible: 2 * time.Second,
		Delivery:  &delivery.Config{Prefix: "raw/!{timestamp:yyyy}/", Append: "\n"},
	})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string]*emulator.Function{}
	for _, role := range []string{"collect", "ingest", "curate"} {
		f, err := c.AddFunction(emulator.Config{
			Name: c.Names.Lake + "-" + role, Bootstrap: exe, Env: map[string]string{beBootstrap: role},
			Timeout: time.Minute, InitLimit: time.Minute, Log: logTo{t},
		})
		if err != nil {
			t.Fatal(err)
		}
		functions[role] = f
	}
	if _, err := c.FromStream(functions["ingest"], mapping.Kinesis{BatchSize: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.FromQueue(functions["curate"], mapping.SQS{Concurrency: 1}); err != nil {
		t.Fatal(err)
	}
	front, err := c.Front(functions["collect"])
	if err != nil {
		t.Fatal(err)
	}
	const sent = 12
	for i := range sent {
		res, err := http.Post(front.URL+"/v1/events", "application/json", strings.NewReader(fmt.Sprint("event-", i)))
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusAccepted {
			body, _ := io.ReadAll(res.Body)
			t.Fatalf("collect: %s %s", res.Status, body)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	store := c.Moto.S3()
	list, err := store.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &c.Names.Bucket, Prefix: aws.String("table/event-")})
	if err != nil || len(list.Contents) != sent {
		t.Errorf("%d of %d events went the whole way, %v", len(list.Contents), sent, err)
	}
	if _, err := store.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &c.Names.Bucket, Key: aws.String("mark")}); err != nil {
		t.Errorf("the asynchronous invocation left no mark: %v", err)
	}
	ticks := make(chan []byte, 100)
	c.Every(10*time.Millisecond, mapping.Func(func(_ context.Context, payload []byte) ([]byte, error) {
		ticks <- payload
		return nil, nil
	}), []byte(`{"task":"list"}`))
	if got := string(<-ticks); got != `{"task":"list"}` {
		t.Errorf("the schedule sent %s", got)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(front.URL); err == nil {
		t.Error("the front answers after Stop")
	}
}

// logTo writes a function's output to the test's log.
type logTo struct{ t *testing.T }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

func TestACloudWithoutEmulatorsSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := awslocal.StartCloud(t.Context(), awslocal.CloudOptions{Tools: awslocal.Tools{Python: "/none"}, Names: awslocal.NamesOf("lake", "test")})
	if !errors.Is(err, awslocal.ErrNotInstalled) {
		t.Errorf("error %v, want that moto is not installed", err)
	}
}
