package firehose

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"
)

// Client is what the Sink needs of Firehose.
type Client interface {
	PutRecordBatch(context.Context, *sdk.PutRecordBatchInput, ...func(*sdk.Options)) (*sdk.PutRecordBatchOutput, error)
}

// NewClient returns the SDK's client as the Sink wants it: without retries of
// its own, because only the records that failed are sent again.
func NewClient(cfg aws.Config) *sdk.Client {
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) { o.Retryer = aws.NopRetryer{} })
}
