// lambda-curate makes tables of raw objects: told by a queue of notifications,
// or by a schedule.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/assemble/cloud/tables"
	"github.com/eventlake/lake/lambda/curate"
)

func main() {
	cloud.Start(func(_ context.Context, c *cloud.Cloud) (lambda.Handler, error) {
		parts, err := tables.Open(c)
		if err != nil {
			return nil, err
		}
		curator, err := parts.Curator()
		if err != nil {
			return nil, err
		}
		metrics, err := c.Metrics()
		if err != nil {
			return nil, err
		}
		return curate.New(curate.Config{
			Ledger: parts.Ledger, Store: parts.Store, Catalog: parts.Catalog, Curator: curator, Bucket: c.Config.AWS.Bucket,
			Committed: c.Config.AWS.Queue == "",
			Keep:      max(c.Config.Curate.KeepSnapshots, curate.MinKeep), Clock: c.Clock, Done: tables.Reports(c, metrics), Log: c.Log,
		}), nil
	})
}
