package glue_test

import (
	"context"
	"fmt"
	"sync"
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

// checked is moto's Glue with what it leaves out: UpdateTable compares the
// VersionId.
type checked struct {
	*sdk.Client
	mu sync.Mutex
}

func (c *checked) UpdateTable(ctx context.Context, in *sdk.UpdateTableInput, o ...func(*sdk.Options)) (*sdk.UpdateTableOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.Client.GetTable(ctx, &sdk.GetTableInput{DatabaseName: in.DatabaseName, Name: in.TableInput.Name})
	if err != nil {
		return nil, err
	}
	if now.Table.VersionId == nil || aws.ToString(in.VersionId) != *now.Table.VersionId {
		return nil, &types.ConcurrentModificationException{}
	}
	return c.Client.UpdateTable(ctx, in, o...)
}

// cloud is a moto with one Glue database and one bucket.
type cloud struct {
	*awslocal.Endpoint
	api   glue.API
	store lake.Store
}

func newCloud(t *testing.T, moto *awslocal.Endpoint, api *checked, bucket string) *cloud {
	t.Helper()
	if _, err := api.CreateDatabase(t.Context(), &sdk.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String(bucket)}}); err != nil {
		t.Fatal(err)
	}
	client := s3.NewClient(moto.Config())
	if _, err := client.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	store, err := s3.New(client, s3.Options{Bucket: bucket, Prefix: "below"})
	if err != nil {
		t.Fatal(err)
	}
	return &cloud{moto, api, store}
}

func TestContractOnMoto(t *testing.T) {
	moto := awslocal.Moto(t)
	api := &checked{Client: glue.NewClient(moto.Config())}
	var n atomic.Int64
	catalogtest.Suite(t, func(t *testing.T, clock lake.Clock) catalogtest.Backend {
		name := fmt.Sprintf("lake-%d", n.Add(1))
		c := newCloud(t, moto, api, name)
		return backend(t, c.api, c.store, glue.Options{Clock: clock, Database: name, Root: "s3://" + name + "/below"})
	})
}
