// Command lake-aws-local runs the services of AWS that a lake uses on this
// machine, with the resources of one lake, until it is interrupted. It prints
// the variables that lead the AWS SDK and the lake's programs there. Nothing is
// kept when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/laketest/awslocal"
	delivery "github.com/eventlake/lake/laketest/awslocal/firehose"
)

func main() {
	// The first signal ends the context, so that everything is ended in order;
	// the second one ends the process as usual.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "error:", err)
		if hint := lake.Hint(err); hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	name, functions string
	shards          int
	direct          bool
	buffer          time.Duration
	demo            int // events
}

// run starts the cloud and ends it with ctx.
func run(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	var s settings
	flags := flag.NewFlagSet("lake-aws-local", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&s.name, "name", "lake", "name of the lake; resources are called NAME-local...")
	flags.IntVar(&s.shards, "shards", 2, "shards of the stream")
	flags.BoolVar(&s.direct, "direct", false, "leave Firehose out: raw files are written to S3 directly")
	flags.DurationVar(&s.buffer, "buffer", 5*time.Second, "time for which Firehose gathers events")
	flags.StringVar(&s.functions, "functions", "", "directory of built lambda-collect, lambda-ingest, lambda-curate, lambda-replay and lambda-audit; those that are there are run")
	flags.IntVar(&s.demo, "demo", 0, "send the real events and so many generated ones the whole way, show the way and the books, and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.demo > 0 {
		return demonstrate(ctx, s, out)
	}
	log := slog.New(slog.NewTextHandler(errs, nil))
	c, err := start(ctx, s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	front, err := startFunctions(c, built{dir: s.functions, out: errs}, log)
	if err != nil {
		return err
	}
	show(out, c, front)
	<-ctx.Done()
	return nil
}

// start starts the cloud with its resources.
func start(ctx context.Context, s settings, log *slog.Logger) (*awslocal.Cloud, error) {
	tools, err := awslocal.FindTools(".")
	if err != nil {
		return nil, err
	}
	options := awslocal.CloudOptions{
		Tools: tools, Names: awslocal.NamesOf(s.name, "local"), Shards: s.shards, Told: []string{"raw/", "quarantine/"}, Log: log,
	}
	if !s.direct {
		options.Delivery = &delivery.Config{
			Prefix: firehose.Prefix, ErrorPrefix: firehose.ErrorPrefix, FileExtension: firehose.FileExtension, Gzip: true,
			JQ: firehose.JQ, SubRecordType: firehose.SubRecordType, Append: "\n",
			BufferBytes: 128 << 20, BufferInterval: s.buffer, Log: log,
		}
	}
	c, err := awslocal.StartCloud(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := createTables(ctx, c); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// show prints where everything is, as a shell reads it.
func show(out io.Writer, c *awslocal.Cloud, front string) {
	fmt.Fprintf(out, "# stream %s, bucket %s, tables %s %s %s, database %s\n",
		c.Names.Stream, c.Names.Bucket, c.Names.Claims, c.Names.Ledger, c.Names.Leases, c.Names.Database)
	env := c.Environment()
	for _, k := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(out, "export %s=%s\n", k, env[k])
	}
	if front != "" {
		fmt.Fprintf(out, "# POST events to %s/v1/events\n", front)
	}
	fmt.Fprintf(out, "# nothing drains s3://%s/aws/lambda/ here: invoke lambda-replay with {\"target\":\"drain\"} for batches that were given up\n", c.Names.Bucket)
	fmt.Fprintln(out, "# ready; Ctrl-C ends it, and nothing is kept")
}
