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

// Open reads the configuration: defaults, the file named by LAKE_CONFIG (see
// ConfigFile), LAKE_* variables. Nothing is asked of AWS but that file.
func Open(ctx context.Context, env []string, log *slog.Logger) (*Cloud, error) {
	named := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "LAKE_CONFIG="); ok {
			named = v
		}
	}
	path, remove, err := ConfigFile(ctx, named)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path, env, nil)
	if err := errors.Join(err, remove()); err != nil {
		return nil, err
	}
	return With(ctx, cfg, log)
}

// With is Open for a program that has its configuration. ErrInvalid with a hint
// when no region is known, or values do not fit together.
func With(ctx context.Context, cfg config.Config, log *slog.Logger) (*Cloud, error) {
	for _, w := range cfg.Warnings {
		log.Warn("configuration", "warning", w)
	}
	if most := firehose.MaxDepth; cfg.AWS.Firehose != "" && cfg.Limits.Depth > most {
		return nil, lake.Errorf(lake.ErrInvalid,
			fmt.Sprintf("lower it to %d, or leave aws.firehose empty: raw files are written to S3 directly then", most),
			"limits.depth is %d, and Firehose (aws.firehose) places no event that is nested deeper than %d", cfg.Limits.Depth, most)
	}
	a, err := awsapi.Config(ctx, awsapi.Options{})
	if err != nil {
		return nil, err
	}
	a.Logger = sdkLog{log}
	return &Cloud{Config: cfg, AWS: a, Log: log, Clock: lake.SystemClock}, nil
}

// ConfigFile returns the path of the configuration file that is named by a path
// or as s3://bucket/key; "" stays "". A file from S3 is a copy, for remove to
// take away.
func ConfigFile(ctx context.Context, named string) (path string, remove func() error, err error) {
	remove = func() error { return nil }
	rest, ok := strings.CutPrefix(named, "s3://")
	if !ok {
		return named, remove, nil
	}
	bucket, key, ok := strings.Cut(rest, "/")
	if !ok || key == "" {
		return "", remove, lake.Errorf(lake.ErrInvalid, "write s3://bucket/key or a path", "configuration %q", named)
	}
	a, err := awsapi.Config(ctx, awsapi.Options{})
	if err != nil {
		return "", remove, err
	}
	store, err := s3.New(s3.NewClient(a), s3.Options{Bucket: bucket})
	if err != nil {
		return "", remove, err
	}
	path, err = fetch(ctx, store, lake.Key(key))
	if errors.Is(err, lake.ErrNotFound) {
		err = &lake.Hinted{Kind: err, What: "the configuration", Hint: "put the file there, or name another"}
	}
	return path, func() error { return os.RemoveAll(filepath.Dir(path)) }, err
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
		return "", lake.Errorf(lake.ErrInvalid, "set "+variable(key), "%s is empty", key)
	}
	return value, nil
}

// variable is the environment variable of a key.
func variable(key string) string { return "LAKE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_")) }

// Logger writes JSON lines to stderr, which Lambda takes into CloudWatch Logs.
func Logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
