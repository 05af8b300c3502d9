package main

import (
	"github.com/spf13/cobra"

	"github.com/eventlake/lake/assemble/cloud"
)

func newWorker(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "worker", Short: "On AWS: take the shards of a Kinesis stream into raw, together with other workers",
		Long: "Share the shards of a Kinesis stream with all workers of the same lease table, and move their records\n" +
			"into raw in S3 until Ctrl-C or SIGTERM. Start and stop as many as you like: shards are spread evenly, a\n" +
			"worker that dies is taken over within seconds, and one that comes back too late loses at the commit.\n\n" +
			"The section aws of the configuration (or LAKE_AWS_*) names stream, bucket, ledger, leases and claims;\n" +
			"region and credentials are those of the AWS command line. See docs/aws.md.",
		Example: "  lake worker --config lake.yaml\n" +
			"  LAKE_AWS_STREAM=lake LAKE_AWS_BUCKET=my-lake LAKE_AWS_LEDGER=ledger LAKE_AWS_LEASES=leases lake worker",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			log := a.logger(cfg)
			l, err := cloud.With(c.Context(), cfg, log)
			if err != nil {
				return err
			}
			return l.Work(c.Context())
		},
	}
}
