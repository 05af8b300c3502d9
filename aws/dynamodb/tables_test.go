package dynamodb_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/laketest/awslocal"
)

// deaf loses the answer to every first call of an action.
type deaf struct {
	*http.Client
	heard map[string]bool
}

func (d *deaf) Do(r *http.Request) (*http.Response, error) {
	action := r.Header.Get("X-Amz-Target")
	answer, err := d.Client.Do(r)
	if err != nil || d.heard[action] {
		return answer, err
	}
	d.heard[action] = true
	return nil, errors.Join(errors.New("connection reset"), answer.Body.Close())
}

func TestTablesAreMadeOnceWhenAnswersAreLost(t *testing.T) {
	t.Parallel()
	moto := awslocal.Moto(t)
	lossy := &deaf{http.DefaultClient, map[string]bool{}}
	client := sdk.NewFromConfig(moto.Config(), func(o *sdk.Options) { o.HTTPClient = lossy })
	o := dynamodb.Options{Claims: "claims", Ledger: "ledger"}
	for _, run := range []string{"lost answers", "made before"} {
		if err := dynamodb.CreateTables(t.Context(), client, o); err != nil {
			t.Fatalf("%s: %v", run, err)
		}
		clear(lossy.heard)
		if err := dynamodb.CreateTable(t.Context(), client, lease.Definition("leases")); err != nil {
			t.Fatalf("%s: %v", run, err)
		}
		clear(lossy.heard)
	}
	made, err := client.ListTables(t.Context(), &sdk.ListTablesInput{})
	if err != nil || len(made.TableNames) != 3 {
		t.Errorf("tables %v, %v", made, err)
	}
	for _, table := range []string{"claims", "ledger"} {
		out, err := client.DescribeTimeToLive(t.Context(), &sdk.DescribeTimeToLiveInput{TableName: &table})
		if err != nil || *out.TimeToLiveDescription.AttributeName != dynamodb.TTLAttribute {
			t.Errorf("%s: %+v, %v", table, out, err)
		}
	}
}

// otherTTL is a table whose items expire by another attribute.
type otherTTL struct{ *sdk.Client }

func (otherTTL) UpdateTimeToLive(context.Context, *sdk.UpdateTimeToLiveInput, ...func(*sdk.Options)) (*sdk.UpdateTimeToLiveOutput, error) {
	return nil, &awsapi.Error{Kind: lake.ErrInvalid, Err: errors.New("no such attribute")}
}

func TestATableWhoseTTLCannotBeSetIsRefused(t *testing.T) {
	t.Parallel()
	client := otherTTL{sdk.NewFromConfig(awslocal.Moto(t).Config())}
	if err := dynamodb.CreateTables(t.Context(), client, dynamodb.Options{}); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}
