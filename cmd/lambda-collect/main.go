// lambda-collect is in front of the stream: HTTP requests in, Kinesis records
// out.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/lambda/collect"
)

func main() {
	cloud.Start(func(ctx context.Context, c *cloud.Cloud) (lambda.Handler, error) {
		h, err := c.Collector(ctx)
		if err != nil {
			return nil, err
		}
		return collect.New(h), nil
	})
}
