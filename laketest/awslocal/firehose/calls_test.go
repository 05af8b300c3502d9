package firehose_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/eventlake/lake/laketest/awslocal"
	emulator "github.com/eventlake/lake/laketest/awslocal/firehose"
)

func TestCallsAreLimited(t *testing.T) {
	t.Parallel()
	w := start(t, emulator.Config{})
	large := strings.Repeat("x", emulator.MaxRecord)
	for _, c := range []struct {
		name    string
		records []string
		code    string // "" is taken
	}{
		{"500 records", slices.Repeat([]string{"x"}, 500), ""},
		{"501 records", slices.Repeat([]string{"x"}, 501), "ValidationException"},
		{"no record", []string{}, "ValidationException"},
		{"a record of 1,000 KiB", []string{large}, ""},
		{"a record above 1,000 KiB", []string{large + "x"}, "ValidationException"},
		{"4 records of 1,000 KiB", slices.Repeat([]string{large}, 4), "InvalidArgumentException"},
	} {
		before := w.stream.Stats().Records
		_, err := w.batch(c.records...)
		var api smithy.APIError
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.code != "" && (!errors.As(err, &api) || api.ErrorCode() != c.code):
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		case c.code != "" && w.stream.Stats().Records != before:
			t.Errorf("%s: refused, but taken", c.name)
		}
	}
}

func TestOneRecordAndDescribe(t *testing.T) {
	t.Parallel()
	w := start(t, partitioned())
	out, err := w.client.PutRecord(t.Context(), &firehose.PutRecordInput{DeliveryStreamName: aws.String("delivery"), Record: &types.Record{Data: []byte(event("a", 1, 1))}})
	if err != nil || aws.ToString(out.RecordId) == "" {
		t.Errorf("PutRecord: %+v, %v", out, err)
	}
	d, err := w.client.DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String("delivery")})
	if err != nil {
		t.Fatal(err)
	}
	if s := d.DeliveryStreamDescription; s.DeliveryStreamStatus != types.DeliveryStreamStatusActive || *s.Destinations[0].ExtendedS3DestinationDescription.BucketARN != "arn:aws:s3:::lake" {
		t.Errorf("described as %+v", s)
	}
	_, err = w.client.PutRecord(t.Context(), &firehose.PutRecordInput{DeliveryStreamName: aws.String("other"), Record: &types.Record{Data: []byte("x")}})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("a stream that does not exist: %v", err)
	}
}

func TestFaultsLoseNothingThatWasTaken(t *testing.T) {
	t.Parallel()
	const seed = 7
	t.Logf("seed %d", seed)
	cfg := partitioned()
	cfg.Faults = emulator.Faults{Seed: seed, Throttle: 0.2, Entry: 0.2, Lost: 0.2, Repeat: 0.1, Upload: 0.2}
	w := start(t, cfg)
	var throttled, entries, lost int
	for from := 0; from < 300; from += 10 {
		var todo []string
		for i := range 10 {
			todo = append(todo, event("a", 1+i%3, from+i))
		}
		for len(todo) > 0 {
			out, err := w.batch(todo...)
			var slow *types.ServiceUnavailableException
			switch {
			case errors.As(err, &slow):
				throttled++
				continue
			case err != nil:
				lost++ // nobody knows; asked again
				continue
			}
			var again []string
			for i, r := range out.RequestResponses {
				if r.ErrorCode != nil {
					again = append(again, todo[i])
				}
			}
			if len(again) != int(*out.FailedPutCount) {
				t.Fatalf("%d entries failed, FailedPutCount %d", len(again), *out.FailedPutCount)
			}
			entries += len(again)
			todo = again
		}
		w.flush()
	}
	if throttled == 0 || entries == 0 || lost == 0 {
		t.Errorf("%d throttled, %d entries failed, %d answers lost: want some of each", throttled, entries, lost)
	}
	seen := map[int]int{}
	for _, line := range w.bucket.lines(t, "raw/") {
		var e struct{ N int }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		seen[e.N]++
	}
	twice := 0
	for n := range 300 {
		if seen[n] == 0 {
			t.Errorf("event %d was lost", n)
		} else if seen[n] > 1 {
			twice++
		}
	}
	if twice < 60 {
		t.Errorf("%d events came twice, want what repeats and lost answers bring", twice)
	}
	if st := w.stream.Stats(); st.Repeated == 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestAStreamThatWasCreatedIsEmulatedAsItIs takes the configuration from
// another service that stores it, and delivers to a real S3 server.
func TestAStreamThatWasCreatedIsEmulatedAsItIs(t *testing.T) {
	t.Parallel()
	moto := awslocal.Moto(t)
	store := moto.S3()
	if _, err := store.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("lake")}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	want := partitioned()
	admin := firehose.NewFromConfig(moto.Config())
	param := func(name types.ProcessorParameterName, v string) types.ProcessorParameter {
		return types.ProcessorParameter{ParameterName: name, ParameterValue: &v}
	}
	_, err := admin.CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String("delivery"),
		ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::lake"), RoleARN: aws.String("arn:aws:iam::123456789012:role/delivery"),
			Prefix: &want.Prefix, ErrorOutputPrefix: &want.ErrorPrefix, CompressionFormat: types.CompressionFormatGzip, FileExtension: aws.String(".ndjson.gz"),
			BufferingHints: &types.BufferingHints{SizeInMBs: aws.Int32(64), IntervalInSeconds: aws.Int32(60)},
			ProcessingConfiguration: &types.ProcessingConfiguration{Enabled: aws.Bool(true), Processors: []types.Processor{
				{Type: types.ProcessorTypeRecordDeAggregation, Parameters: []types.ProcessorParameter{param(types.ProcessorParameterNameSubRecordType, "JSON")}},
				{Type: types.ProcessorTypeMetadataExtraction, Parameters: []types.ProcessorParameter{
					param(types.ProcessorParameterNameMetadataExtractionQuery, want.JQ), param(types.ProcessorParameterNameJsonParsingEngine, "JQ-1.6"),
				}},
				{Type: types.ProcessorTypeAppendDelimiterToRecord, Parameters: []types.ProcessorParameter{param(types.ProcessorParameterNameDelimiter, `\n`)}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := admin.DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String("delivery")})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := emulator.FromDescription(*d.DeliveryStreamDescription)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(cfg.Prefix, cfg.ErrorPrefix, cfg.JQ, cfg.SubRecordType, cfg.Append, cfg.Gzip, cfg.FileExtension, cfg.BufferBytes, cfg.BufferInterval)
	if wanted := fmt.Sprint(want.Prefix, want.ErrorPrefix, want.JQ, "JSON", "\n", true, ".ndjson.gz", 64<<20, time.Minute); got != wanted {
		t.Errorf("configuration %s, want %s", got, wanted)
	}
	stream, err := emulator.NewStream(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, stream: stream, client: startServer(t, stream)}
	w.put(event("a", 1, 1))
	w.flush()
	list, err := store.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("lake"), Prefix: aws.String("raw/type=a/day=01/delivery-1-")})
	if err != nil || len(list.Contents) != 1 || !strings.HasSuffix(*list.Contents[0].Key, ".ndjson.gz") {
		t.Errorf("objects %+v, %v", list.Contents, err)
	}
}
