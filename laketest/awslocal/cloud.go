package awslocal

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake/laketest/awslocal/firehose"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
)

// CloudOptions says what a Cloud consists of.
type CloudOptions struct {
	Tools     Tools
	Names     Names
	Shards    int               // of the stream; 2 when 0
	Delivery  *firehose.Config  // nil is no delivery stream; name and bucket come from Names
	Told      []string          // prefixes of the bucket whose new objects the queue is told of
	Invisible time.Duration     // the queue's visibility time-out; 30 s when 0, whole seconds
	Kinesis   KinesaliteOptions // how the stream behaves
	// Moto is one that runs already, with the bucket, the queue and the database,
	// as when Terraform has made them; it goes on after Stop. Nil starts one.
	Moto *Endpoint
	Log  *slog.Logger // nil is silent
}

// Cloud is everything that a lake on AWS needs, on this machine: the services,
// their resources, and functions with what invokes them. It ends with Stop.
type Cloud struct {
	Names    Names
	Moto     *Endpoint // DynamoDB, S3, SQS, IAM, CloudWatch, ...
	Streams  *Endpoint // Kinesis
	Catalog  *Endpoint // Glue
	Delivery *Endpoint // Firehose; nil when there is none
	Lambda   *Endpoint
	Stream   *Stream
	Firehose *firehose.Stream // nil when there is none
	QueueURL string

	made    bool // Moto and its resources are somebody else's
	log     *slog.Logger
	ctx     context.Context // of what runs in the background
	end     context.CancelFunc
	running sync.WaitGroup
	invoker *lambda.Server

	mu        sync.Mutex
	functions map[string]*lambda.Function
	sources   []source // the order in which events pass them
	fronts    []*Endpoint
}

// source is a mapping that can say when it is done.
type source interface{ Caught(context.Context) error }

// StartCloud starts the services and creates the resources. Tables are left to
// the caller, who knows their keys. On an error nothing is left running.
func StartCloud(ctx context.Context, o CloudOptions) (_ *Cloud, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cloud{Names: o.Names, log: o.Log, functions: map[string]*lambda.Function{}}
	c.ctx, c.end = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if c.Moto, c.made = o.Moto, o.Moto != nil; !c.made {
		if c.Moto, err = StartMoto(ctx, o.Tools); err != nil {
			return nil, err
		}
	}
	if c.Streams, err = StartKinesalite(ctx, o.Tools, o.Kinesis); err != nil {
		return nil, err
	}
	if c.Catalog, err = StartGlue(c.Moto); err != nil {
		return nil, err
	}
	c.invoker = lambda.NewServer(c.function)
	if c.Lambda, err = Serve(c.invoker); err != nil {
		return nil, err
	}
	if err := c.create(ctx, o); err != nil {
		return nil, err
	}
	if o.Delivery == nil {
		return c, nil
	}
	cfg := *o.Delivery
	cfg.Name, cfg.Bucket = o.Names.Firehose, o.Names.Bucket
	if c.Firehose, err = firehose.NewStream(c.Moto.S3(), cfg); err != nil {
		return nil, err
	}
	c.background(c.Firehose.Run)
	c.Delivery, err = Serve(firehose.NewServer(c.Firehose))
	return c, err
}

// background runs f until Stop.
func (c *Cloud) background(f func(context.Context)) { c.running.Go(func() { f(c.ctx) }) }

// Kinesis returns a client of the stream's service.
func (c *Cloud) Kinesis() *kinesis.Client { return kinesis.NewFromConfig(c.Streams.Config()) }

// Environment returns the variables that lead the AWS SDK, and whatever reads
// the lake's settings, into this cloud.
func (c *Cloud) Environment() map[string]string {
	env := map[string]string{
		"AWS_ENDPOINT_URL":          c.Moto.URL,
		"AWS_ENDPOINT_URL_KINESIS":  c.Streams.URL,
		"AWS_ENDPOINT_URL_GLUE":     c.Catalog.URL,
		"AWS_ENDPOINT_URL_LAMBDA":   c.Lambda.URL,
		"AWS_ACCESS_KEY_ID":         "test",
		"AWS_SECRET_ACCESS_KEY":     "test",
		"AWS_REGION":                Region,
		"AWS_EC2_METADATA_DISABLED": "true",
		"LAKE_AWS_ENVIRONMENT":      "local",
		"LAKE_AWS_STREAM":           c.Names.Stream,
		"LAKE_AWS_BUCKET":           c.Names.Bucket,
		"LAKE_AWS_CLAIMS":           c.Names.Claims,
		"LAKE_AWS_LEDGER":           c.Names.Ledger,
		"LAKE_AWS_LEASES":           c.Names.Leases,
		"LAKE_AWS_GLUE_DATABASE":    c.Names.Database,
		"LAKE_AWS_QUEUE":            c.QueueURL,
		"LAKE_AWS_FAILED":           "aws/lambda/",
	}
	if c.Delivery != nil {
		env["AWS_ENDPOINT_URL_FIREHOSE"] = c.Delivery.URL
		env["LAKE_AWS_FIREHOSE"] = c.Names.Firehose
	}
	return env
}

// Settle waits until every event that was sent before has gone its whole way:
// the stream is delivered, Firehose has written what it holds, the queue is
// empty, asynchronous invocations are done.
func (c *Cloud) Settle(ctx context.Context) error {
	c.mu.Lock()
	sources := append([]source(nil), c.sources...)
	c.mu.Unlock()
	for _, s := range sources {
		if err := s.Caught(ctx); err != nil {
			return err
		}
		if c.Firehose != nil {
			if err := c.Firehose.Flush(ctx); err != nil {
				return err
			}
		}
	}
	c.invoker.Wait()
	return nil
}

// Stop ends everything, what was started last first. A second call does nothing.
func (c *Cloud) Stop() error {
	c.end()
	if c.invoker != nil {
		c.invoker.Close()
	}
	c.mu.Lock()
	functions, fronts := c.functions, c.fronts
	c.functions, c.fronts = map[string]*lambda.Function{}, nil
	c.mu.Unlock()
	var errs []error
	for _, e := range fronts {
		errs = append(errs, e.Stop())
	}
	for _, f := range functions {
		errs = append(errs, f.Close())
	}
	c.running.Wait()
	for _, e := range []*Endpoint{c.Delivery, c.Lambda, c.Catalog, c.Streams, c.Moto} {
		if e != nil && (e != c.Moto || !c.made) {
			errs = append(errs, e.Stop())
		}
	}
	return errors.Join(errs...)
}
