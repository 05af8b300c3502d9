package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake/laketest/awslocal"
)

// buffer is what a command prints, read while it runs.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestThePrintedVariablesLeadIntoTheCloud takes only what the command prints,
// finds every resource with it, and sees that all ends with the command.
func TestThePrintedVariablesLeadIntoTheCloud(t *testing.T) {
	awslocal.Need(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	var errs buffer
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-name", "shop", "-buffer", "100ms"}, in, &errs)
		_ = in.Close()
		ended <- err
	}()
	urls := map[string]string{}
	ready := false
	for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "="); ok {
			t.Setenv(name, value)
			if strings.HasPrefix(value, "http://") {
				urls[name] = value
			}
		}
		ready = strings.Contains(lines.Text(), "ready")
	}
	if !ready {
		t.Fatalf("it ended before it was ready: %v\n%s", <-ended, errs.String())
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v := os.Getenv("LAKE_AWS_CLAIMS"); v != "shop-local-claims" {
		t.Errorf("the claims' table is called %q", v)
	}
	for _, table := range []string{"LAKE_AWS_CLAIMS", "LAKE_AWS_LEDGER", "LAKE_AWS_LEASES"} {
		if _, err := dynamodb.NewFromConfig(cfg).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(os.Getenv(table))}); err != nil {
			t.Errorf("%s: %v", table, err)
		}
	}
	if _, err := kinesis.NewFromConfig(cfg).DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(os.Getenv("LAKE_AWS_STREAM"))}); err != nil {
		t.Error(err)
	}
	line := `{"event_type":"order","event_subtype":"paid","created_datetime":"2026-11-23T10:00:00.000000Z"}`
	_, err = firehose.NewFromConfig(cfg).PutRecord(t.Context(), &firehose.PutRecordInput{
		DeliveryStreamName: aws.String(os.Getenv("LAKE_AWS_FIREHOSE")), Record: &types.Record{Data: []byte(line)},
	})
	if err != nil {
		t.Fatal(err)
	}
	prefix := "raw/event_type=order/event_subtype=paid/year=2026/month=11/day=23/"
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		list, err := s3.NewFromConfig(cfg).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(os.Getenv("LAKE_AWS_BUCKET")), Prefix: &prefix})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Contents) == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("Firehose delivered nothing")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for name, url := range urls {
		if _, err := http.Get(url); err == nil {
			t.Errorf("%s answers after the end", name)
		}
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	var out, errs bytes.Buffer
	if err := run(t.Context(), []string{"-shards", "many"}, &out, &errs); err == nil || !strings.Contains(errs.String(), "-functions") {
		t.Errorf("error %v, usage %q", err, errs.String())
	}
}
