// Package again has a Lambda hand what it has no time for to itself. It is apart
// from package cloud because most Lambdas have no use for Lambda's client.
package again

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventlake/lake/aws/awsapi"
)

// Itself returns what invokes this very function anew with a request as its
// payload, without waiting for it.
func Itself[Request any](config aws.Config) func(context.Context, Request) error {
	client := sdk.NewFromConfig(config)
	return func(ctx context.Context, r Request) error {
		payload, err := json.Marshal(r)
		if err != nil {
			return err
		}
		name := lambdacontext.FunctionName
		_, err = client.Invoke(ctx, &sdk.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeEvent, Payload: payload})
		if err != nil {
			return fmt.Errorf("invoke %s: %w", name, awsapi.Classify(err))
		}
		return nil
	}
}
