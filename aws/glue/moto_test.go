package glue_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/catalogtest"
)

// cloud is a moto, with versions checked in front of its Glue, and one Glue
// database and bucket of one name in it.
type cloud struct {
	glue, moto *awslocal.Endpoint
	api        glue.API
	store      lake.Store
}

func newCloud(t *testing.T, moto, front *awslocal.Endpoint, name string) *cloud {
	t.Helper()
	api := glue.NewClient(front.Config())
	if _, err := api.CreateDatabase(t.Context(), &sdk.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String(name)}}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	client := s3.NewClient(moto.Config())
	if _, err := client.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &name}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	store, err := s3.New(client, s3.Options{Bucket: name, Prefix: "below"})
	if err != nil {
		t.Fatal(err)
	}
	return &cloud{front, moto, api, store}
}

func TestContractOnMoto(t *testing.T) {
	moto := awslocal.Moto(t)
	front := awslocal.Glue(t, moto)
	var n atomic.Int64
	catalogtest.Suite(t, func(t *testing.T, clock lake.Clock) catalogtest.Backend {
		name := fmt.Sprintf("lake-%d", n.Add(1))
		c := newCloud(t, moto, front, name)
		return backend(t, c.api, c.store, glue.Options{Clock: clock, Database: name, Root: "s3://" + name + "/below"})
	})
}
