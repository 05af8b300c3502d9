// lambda-audit holds the books of the lake's parts against each other, by a
// schedule.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/assemble/cloud/tables"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/raw"
)

func main() {
	cloud.Start(func(_ context.Context, c *cloud.Cloud) (lambda.Handler, error) {
		ledger, err := c.Ledger()
		if err != nil {
			return nil, err
		}
		store, err := c.Store()
		if err != nil {
			return nil, err
		}
		catalog, err := tables.Catalog(c)
		if err != nil {
			return nil, err
		}
		var stream lake.Stream
		if c.Config.AWS.Stream != "" {
			if stream, err = c.Stream(); err != nil {
				return nil, err
			}
		}
		metrics, err := c.Metrics()
		if err != nil {
			return nil, err
		}
		return audit.New(audit.Config{
			Receipts: ledger, Stream: stream, Ledger: ledger, Store: store, Catalog: catalog,
			Lines: raw.NewReader(store, nil), Clock: c.Clock, Done: tables.Audits(c, metrics), Log: c.Log,
		}), nil
	})
}
