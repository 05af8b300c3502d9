// lambda-audit holds the books of the lake's parts against each other, by a
// schedule.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/assemble/cloud/again"
	"github.com/eventlake/lake/assemble/cloud/tables"
	"github.com/eventlake/lake/lambda/audit"
)

func main() {
	cloud.Start(func(_ context.Context, c *cloud.Cloud) (lambda.Handler, error) {
		parts, err := tables.Open(c)
		if err != nil {
			return nil, err
		}
		var stream, probe lake.Stream
		if c.Config.AWS.Stream != "" {
			if stream, err = c.Stream(); err != nil {
				return nil, err
			}
			if probe, err = c.Probe(); err != nil {
				return nil, err
			}
		}
		metrics, err := c.Metrics()
		if err != nil {
			return nil, err
		}
		return audit.New(audit.Config{
			Receipts: parts.Ledger, Stream: stream, Probe: probe, Ledger: parts.Ledger, Store: parts.Store, Catalog: parts.Catalog,
			Lines: parts.Lines, Again: again.Itself[audit.Request](c.AWS), Memory: memory(), Clock: c.Clock, Done: tables.Audits(c, metrics), Log: c.Log,
		}), nil
	})
}

// memory is the half of the function's that ids may take; 0 outside of Lambda.
// The other half is for what is read.
func memory() int64 { return int64(lambdacontext.MemoryLimitInMB) << 20 / 2 }
