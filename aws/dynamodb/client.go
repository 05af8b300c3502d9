package dynamodb

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Client is what the ledger uses of the SDK's client.
type Client interface {
	PutItem(context.Context, *sdk.PutItemInput, ...func(*sdk.Options)) (*sdk.PutItemOutput, error)
	GetItem(context.Context, *sdk.GetItemInput, ...func(*sdk.Options)) (*sdk.GetItemOutput, error)
	Query(context.Context, *sdk.QueryInput, ...func(*sdk.Options)) (*sdk.QueryOutput, error)
	TransactWriteItems(context.Context, *sdk.TransactWriteItemsInput, ...func(*sdk.Options)) (*sdk.TransactWriteItemsOutput, error)
	BatchWriteItem(context.Context, *sdk.BatchWriteItemInput, ...func(*sdk.Options)) (*sdk.BatchWriteItemOutput, error)
}

// NewClient returns a client as the ledger wants it: it keeps as many
// connections as there are claims at once, does not wait longer than a few
// seconds for an answer, and leaves trying again to the ledger, which counts.
func NewClient(cfg aws.Config, concurrency int) *sdk.Client {
	const patience = 5 * time.Second
	connections := awshttp.NewBuildableClient().WithTimeout(patience).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns = 2 * max(concurrency, defaultConcurrency)
		t.MaxIdleConnsPerHost = t.MaxIdleConns
	})
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		o.HTTPClient = connections
		o.Retryer = aws.NopRetryer{}
	})
}
