// lambda-ingest is behind the stream: batches of Kinesis records in, raw events
// out, each once.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/lambda/ingest"
)

func main() {
	cloud.Start(func(_ context.Context, c *cloud.Cloud) (lambda.Handler, error) {
		handed, err := c.Handed()
		if err != nil {
			return nil, err
		}
		metrics, err := c.Metrics()
		if err != nil {
			return nil, err
		}
		return ingest.New(ingest.Config{
			Handed: handed, Unpack: cloud.Unpacking(), Margin: c.Config.AWS.Margin, Done: c.Batches(metrics), Log: c.Log,
		}), nil
	})
}
