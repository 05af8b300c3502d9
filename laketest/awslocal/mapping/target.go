package mapping

import (
	"context"

	"github.com/eventlake/lake/laketest/awslocal/lambda"
)

// Target is what a mapping invokes; a *lambda.Function is one. lambda.ErrThrottled
// and lambda.ErrTooLarge mean that it was not invoked, every other error that
// the invocation failed.
type Target interface {
	ARN() string
	Invoke(ctx context.Context, payload []byte) (lambda.Result, error)
}

// Func is a Target in this process.
type Func func(ctx context.Context, payload []byte) ([]byte, error)

// ARN returns a name.
func (Func) ARN() string { return "arn:aws:lambda:us-east-1:123456789012:function:func" }

// Invoke calls the function.
func (f Func) Invoke(ctx context.Context, payload []byte) (lambda.Result, error) {
	out, err := f(ctx, payload)
	return lambda.Result{Payload: out}, err
}
