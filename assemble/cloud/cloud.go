// Package cloud turns a configuration into the parts of a lake on AWS. Each
// part is made when a program first asks for it, so a Lambda links and starts
// only what it uses.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/config"
)

// Cloud is a lake on AWS as one process sees it. It is made by Open and not
// safe for concurrent use while parts are being made.
type Cloud struct {
	Config config.Config
	AWS    aws.Config
	Log    *slog.Logger
	Clock  lake.Clock

	store    *s3.Store
	ledger   *dynamodb.Ledger
	stream   *kinesis.Stream
	firehose *firehose.Sink // nil when raw is written directly
}

// Open reads the configuration: defaults, lake.yaml named by LAKE_CONFIG (a
// path, or s3://bucket/key), LAKE_* variables. Nothing is asked of AWS but that
// object.
func Open(ctx context.Context, env []string, log *slog.Logger) (*Cloud, error) {
	c := &Cloud{Log: log, Clock: lake.SystemClock}
	var err error
	if c.AWS, err = awsapi.Config(ctx, awsapi.Options{}); err != nil {
		return nil, err
	}
	c.AWS.Logger = sdkLog{log}
	path, err := c.configFile(ctx, env)
	if err != nil {
		return nil, err
	}
	c.Config, err = config.Load(path, env, nil)
	for _, w := range c.Config.Warnings {
		log.Warn("configuration", "warning", w)
	}
	return c, err
}

// With is Open for a program that has its configuration.
func With(ctx context.Context, cfg config.Config, log *slog.Logger) (*Cloud, error) {
	a, err := awsapi.Config(ctx, awsapi.Options{})
	if err != nil {
		return nil, err
	}
	return &Cloud{Config: cfg, AWS: a, Log: log, Clock: lake.SystemClock}, nil
}

// configFile returns the path of the configuration file, fetched from S3 when
// that is where it lies; "" when there is none.
func (c *Cloud) configFile(ctx context.Context, env []string) (path string, err error) {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "LAKE_CONFIG="); ok {
			path = v
		}
	}
	rest, ok := strings.CutPrefix(path, "s3://")
	if !ok {
		return path, nil
	}
	bucket, key, ok := strings.Cut(rest, "/")
	if !ok || key == "" {
		return "", lake.Errorf(lake.ErrInvalid, "write LAKE_CONFIG=s3://bucket/key or a path", "configuration %q", path)
	}
	store, err := s3.New(s3.NewClient(c.AWS), s3.Options{Bucket: bucket, Log: c.Log})
	if err != nil {
		return "", err
	}
	return fetch(ctx, store, lake.Key(key))
}

// fetch copies an object of text into a file of its own and returns its path.
func fetch(ctx context.Context, store lake.Store, key lake.Key) (path string, err error) {
	in, err := store.Open(ctx, key)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", key, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	dir, err := os.MkdirTemp("", "lake-")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, filepath.Base(string(key)))
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = out.ReadFrom(in)
	return path, errors.Join(err, out.Close())
}

// need returns the value of a key that this program cannot do without.
func need(key, value string) (string, error) {
	if value == "" {
		return "", lake.Errorf(lake.ErrInvalid, "set LAKE_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_")), "%s is empty", key)
	}
	return value, nil
}

// Logger writes JSON lines to stderr, which Lambda takes into CloudWatch Logs.
func Logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
