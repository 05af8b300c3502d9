package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/config"
)

func newWorker(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "worker", Short: "On AWS: take the shards of a Kinesis stream into raw, together with other workers",
		Long: "Share the shards of a Kinesis stream with all workers of the same lease table, and move their records\n" +
			"into raw in S3 until Ctrl-C or SIGTERM: then a worker commits what it has and gives its shards back. Start\n" +
			"and stop as many as you like: shards are spread evenly, a worker that dies is taken over within 20 seconds,\n" +
			"and one that comes back too late loses at the commit.\n\n" +
			"The section aws of the configuration (or LAKE_AWS_*) names stream, bucket, ledger, leases and claims;\n" +
			"without claims raw keeps duplicates, and tables drop them. The configuration may be s3://bucket/key. Region\n" +
			"and credentials are those of the AWS command line. See docs/aws.md.",
		Example: "  lake worker --config lake.yaml\n" +
			"  LAKE_AWS_STREAM=lake LAKE_AWS_BUCKET=my-lake LAKE_AWS_LEDGER=ledger LAKE_AWS_LEASES=leases lake worker",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			err := a.work(c.Context())
			if errors.Is(err, lake.ErrInvalid) {
				return &usageError{err}
			}
			return err
		},
	}
}

func (a *app) work(ctx context.Context) error {
	cfg, err := a.configFromAnywhere(ctx)
	if err != nil {
		return err
	}
	l, err := cloud.With(ctx, cfg, a.logger(cfg))
	if err != nil {
		return err
	}
	return l.Work(ctx)
}

// configFromAnywhere reads the configuration of a command that works on no data
// directory: of the file that is named, which may lie in S3, else ./lake.yaml.
func (a *app) configFromAnywhere(ctx context.Context) (cfg config.Config, err error) {
	path, remove, err := cloud.ConfigFile(ctx, a.namedConfig())
	if err != nil {
		return cfg, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	return a.load(path, a.overrides())
}
