// lambda-replay takes events out of raw again, and settles the batches that
// lambda-ingest gave up.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/assemble/cloud/again"
	"github.com/eventlake/lake/assemble/cloud/tables"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/lambda/ingest"
	"github.com/eventlake/lake/lambda/replay"
	"github.com/eventlake/lake/raw"
	stage "github.com/eventlake/lake/replay"
)

func main() {
	cloud.Start(func(_ context.Context, c *cloud.Cloud) (lambda.Handler, error) {
		parts, err := tables.Open(c)
		if err != nil {
			return nil, err
		}
		handed, err := c.Handed()
		if err != nil {
			return nil, err
		}
		stream, err := c.Stream()
		if err != nil {
			return nil, err
		}
		metrics, err := c.Metrics()
		if err != nil {
			return nil, err
		}
		sources, err := c.Config.Transformers()
		if err != nil {
			return nil, err
		}
		gz, err := c.Gzip()
		if err != nil {
			return nil, err
		}
		batches := ingest.New(ingest.Config{Handed: handed, Unpack: cloud.Unpacking(), Settled: parts.Ledger, Log: c.Log})
		return replay.New(replay.Config{
			Ledger: parts.Ledger, Store: parts.Store, Lines: parts.Lines,
			Target: func(share float64) (stage.Target, error) {
				paced, err := stream.Paced(share)
				if err != nil {
					return nil, err
				}
				return stage.ToStream(paced, c.Clock), nil
			},
			Rules:     sources,
			Rebuilder: parts.Rebuilder(),
			Drain: &replay.Drain{
				Store: parts.Store, Prefix: lake.Key(c.Config.AWS.Failed), Bucket: c.Config.AWS.Bucket,
				Batch: batches.Settle, Settled: parts.Ledger, Stream: stream, Handed: handed,
				Misplaced: firehose.ErrorRoot, Direct: raw.NewWriter(gz, nil), Sources: sources,
				Names: c.Names(parts.Ledger), Log: c.Log,
			},
			Again: again.Itself[replay.Request](c.AWS), Done: tables.Replays(c, metrics), Log: c.Log,
		}), nil
	})
}
