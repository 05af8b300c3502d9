package main

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

// scheduled is how often curate and audit look for work, as their schedules in
// an account do, in less time.
const scheduled = 30 * time.Second

// concurrency is how many calls of a function run at once: of curate one, because
// a table has one writer.
func concurrency(name string) int {
	if name == "curate" {
		return 1
	}
	return 10
}

// built are the functions' bootstraps and how they are run.
type built struct {
	dir  string
	env  map[string]string        // variables besides the cloud's
	out  io.Writer                // what the functions say
	kill func(n int) lambda.Fault // how lambda-ingest is disturbed; may be nil
}

// startFunctions runs the bootstraps that are there with what invokes them in
// an account, and returns the address of the collector, "" when it is not there.
func startFunctions(c *awslocal.Cloud, b built, log *slog.Logger) (front string, err error) {
	if b.dir == "" {
		return "", nil
	}
	functions := map[string]*lambda.Function{}
	for name, timeout := range map[string]time.Duration{
		"collect": 30 * time.Second, "ingest": time.Minute, "curate": 15 * time.Minute, "replay": 15 * time.Minute, "audit": 15 * time.Minute,
	} {
		bootstrap := filepath.Join(b.dir, "lambda-"+name)
		if _, err := os.Stat(bootstrap); errors.Is(err, fs.ErrNotExist) {
			log.Warn("function left out: it is not built", "bootstrap", bootstrap)
			continue
		}
		cfg := lambda.Config{
			Name: c.Names.Lake + "-" + name, Bootstrap: bootstrap, MemoryMB: 512, Timeout: timeout, InitLimit: time.Minute,
			Concurrency: concurrency(name), Log: b.out, Env: b.env,
		}
		if name == "ingest" {
			cfg.Fault = b.kill
		}
		if functions[name], err = c.AddFunction(cfg); err != nil {
			return "", err
		}
	}
	if f := functions["ingest"]; f != nil {
		_, err = c.FromStream(f, mapping.Kinesis{
			BatchSize: 10_000, Window: time.Second, Bisect: true, Report: true, MaxAge: 24 * time.Hour,
			OnFailure: mapping.Bucket{Client: c.Moto.S3(), Name: c.Names.Bucket},
		})
		if err != nil {
			return "", err
		}
	}
	if f := functions["curate"]; f != nil {
		if _, err := c.FromQueue(f, mapping.SQS{BatchSize: 1000, Window: time.Second, Report: true, Concurrency: 1}); err != nil {
			return "", err
		}
		c.Every(scheduled, f, []byte(`{"task":"upkeep"}`))
	}
	if f := functions["audit"]; f != nil {
		c.Every(scheduled, f, []byte(`{}`))
	}
	if f := functions["collect"]; f != nil {
		e, err := c.Front(f)
		if err != nil {
			return "", err
		}
		front = e.URL
	}
	return front, nil
}
