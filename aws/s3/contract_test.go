package s3_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/storetest"
)

// bucket makes a bucket on a client.
func bucket(t *testing.T, c *sdk.Client, name string) string {
	t.Helper()
	if _, err := c.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	return name
}

func open(t *testing.T, c s3.Client, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContractOnMoto(t *testing.T) {
	client := s3.NewClient(awslocal.Moto(t).Config())
	var n atomic.Int64
	for _, prefix := range []string{"", "a/lake"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			storetest.Suite(t, func(t *testing.T) (lake.Store, func() lake.Store) {
				o := s3.Options{Bucket: bucket(t, client, fmt.Sprintf("lake-%d", n.Add(1))), Prefix: prefix}
				return open(t, client, o), func() lake.Store { return open(t, client, o) }
			})
		})
	}
}
