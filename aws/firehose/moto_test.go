package firehose_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/laketest/awslocal"
)

// TestOnMoto: the calls are understood by something that is not ours. Moto
// writes every call as one object at once and places nothing.
func TestOnMoto(t *testing.T) {
	moto := awslocal.Moto(t)
	client, objects := firehose.NewClient(moto.Config()), moto.S3()
	sink, err := firehose.New(client, firehose.Options{Stream: "lake-raw", Direct: keeper{&lake.Part{}}})
	if err != nil {
		t.Fatal(err)
	}
	p := parts(5, 1000, 400)
	want := linesOf(p)
	_, err = sink.Write(t.Context(), "s", span(p), p)
	var u *lake.Undelivered
	if !errors.As(err, &u) || !errors.Is(err, lake.ErrNotFound) || !strings.Contains(err.Error(), "lake-raw") {
		t.Fatalf("without a delivery stream: %v", err)
	}

	bucket := aws.String("delivered")
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateDeliveryStream(t.Context(), &sdk.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String("lake-raw"), DeliveryStreamType: types.DeliveryStreamTypeDirectPut,
		ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::delivered"), RoleARN: aws.String("arn:aws:iam::123456789012:role/firehose"),
		},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(t.Context(), "s", span(p), p); err != nil {
		t.Fatal(err)
	}
	list, err := objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range list.Contents {
		out, err := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: o.Key})
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(out.Body)
		if err = errors.Join(err, out.Body.Close()); err != nil {
			t.Fatal(err)
		}
		got = slices.AppendSeq(got, strings.Lines(string(data)))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%d lines of %d", len(got), len(want))
	}
}
