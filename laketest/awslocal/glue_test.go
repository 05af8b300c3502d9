package awslocal_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/eventlake/lake/laketest/awslocal"
)

func TestOneOfManyUpdatesFromOneVersionWins(t *testing.T) {
	t.Parallel()
	g := awslocal.Glue(t, awslocal.Moto(t))
	cfg := g.Config()
	cfg.RetryMaxAttempts = 1
	client := glue.NewFromConfig(cfg)
	if _, err := client.CreateDatabase(t.Context(), &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String("lake")}}); err != nil {
		t.Fatal(err)
	}
	table := func(at string) *types.TableInput {
		return &types.TableInput{Name: aws.String("lesson"), Parameters: map[string]string{"metadata_location": at}}
	}
	if _, err := client.CreateTable(t.Context(), &glue.CreateTableInput{DatabaseName: aws.String("lake"), TableInput: table("0")}); err != nil {
		t.Fatal(err)
	}
	read := func() *types.Table {
		t.Helper()
		out, err := client.GetTable(t.Context(), &glue.GetTableInput{DatabaseName: aws.String("lake"), Name: aws.String("lesson")})
		if err != nil {
			t.Fatal(err)
		}
		return out.Table
	}
	for round := range 3 {
		before := read()
		var won, lost atomic.Int64
		var winner atomic.Value
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				at := fmt.Sprint(round, ".", i)
				_, err := client.UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: aws.String("lake"), TableInput: table(at), VersionId: before.VersionId})
				var stale *types.ConcurrentModificationException
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(at)
				case errors.As(err, &stale):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 7 {
			t.Fatalf("round %d: %d won, %d lost; want 1 and 7", round, won.Load(), lost.Load())
		}
		if after := read(); after.Parameters["metadata_location"] != winner.Load() || *after.VersionId == *before.VersionId {
			t.Errorf("round %d: the table is at %s, version %s; %v won", round, after.Parameters["metadata_location"], *after.VersionId, winner.Load())
		}
	}
	if _, err := client.UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: aws.String("lake"), TableInput: table("forced")}); err != nil {
		t.Errorf("an update without a version: %v", err)
	}
	_, err := client.UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: aws.String("lake"), TableInput: &types.TableInput{Name: aws.String("none")}, VersionId: aws.String("1")})
	var missing *types.EntityNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("an update of a table that is not there: %v", err)
	}
}
