package awslocal_test

import (
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake/laketest/awslocal"
)

func TestMotoAnswersAndEndsWithStop(t *testing.T) {
	t.Parallel()
	moto := awslocal.Moto(t)
	db := dynamodb.NewFromConfig(moto.Config())
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String("claims"),
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeB}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		BillingMode:          types.BillingModePayPerRequest,
	})
	if awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	mustEnd(t, moto)
}

func TestKinesaliteAnswersAndEndsWithStop(t *testing.T) {
	t.Parallel()
	k := awslocal.Kinesalite(t, awslocal.KinesaliteOptions{})
	streams, err := kinesis.NewFromConfig(k.Config()).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(streams.StreamNames) != 0 {
		t.Fatalf("a new kinesalite has streams %v", streams.StreamNames)
	}
	mustEnd(t, k)
}

// mustEnd stops the emulator, twice, and sees that nobody listens any more.
func mustEnd(t *testing.T, e *awslocal.Endpoint) {
	t.Helper()
	for range 2 {
		if err := e.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	if u.Hostname() != "127.0.0.1" {
		t.Errorf("it listened on %s, not only on this machine", u.Hostname())
	}
	if c, err := net.DialTimeout("tcp", u.Host, time.Second); err == nil {
		t.Errorf("%s is still open after Stop", e.URL)
		_ = c.Close()
	}
}
