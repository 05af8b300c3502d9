package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/lambda/audit"
)

// demoSettings is the lake.yaml of the demo: how to read GitHub's events. The
// generated ones need no mapping.
const demoSettings = `sources:
  github:
    event: {id: id, type: type, subtype: payload.action, time: created_at}
`

// killed is the call of lambda-ingest whose process is killed.
const killed = 1

// demo is one demonstration.
type demo struct {
	*awslocal.Cloud
	out   io.Writer
	dir   string // for files, removed at the end
	front string // of the collector
	meter *meter
	begun time.Time
	truth gen.Truth
	real  int // events of GitHub
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// demonstrate sends events the whole way and shows it. Everything that it has
// started ends with it.
func demonstrate(ctx context.Context, s settings, out io.Writer) (err error) {
	d := &demo{out: out, meter: &meter{}, begun: time.Now()}
	if s.functions == "" {
		s.functions = filepath.Join("bin", "lambda")
	}
	if _, err := os.Stat(filepath.Join(s.functions, "lambda-ingest")); err != nil {
		return lake.Errorf(lake.ErrNotFound, "run make lambdas", "the functions in %s", s.functions)
	}
	if d.dir, err = os.MkdirTemp("", "lake-aws-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	d.say("producers -> Kinesis -> Lambda -> DynamoDB + Firehose -> S3 -> Lambda -> Glue -> SQL, all of it emulated on this machine\n")
	s.buffer = 15 * time.Minute // until everything is there
	if d.Cloud, err = start(ctx, s, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, d.Stop()); err != nil {
			err = fmt.Errorf("%w\nthe functions said last:\n%s", err, d.meter.tail())
		}
	}()
	if err := d.deploy(ctx, s); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{d.sendReal, func(ctx context.Context) error { return d.sendGenerated(ctx, s.demo) }, d.follow, d.query, d.books} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.say("\nDone after %s. make aws-local keeps such a cloud up, for your own events.", time.Since(d.begun).Round(time.Second))
	return nil
}

// deploy starts the functions.
func (d *demo) deploy(ctx context.Context, s settings) (err error) {
	key := "config/lake.yaml"
	_, err = d.Moto.S3().PutObject(ctx, &s3.PutObjectInput{Bucket: &d.Names.Bucket, Key: &key, Body: strings.NewReader(demoSettings)})
	if err != nil {
		return fmt.Errorf("write s3://%s/%s: %w", d.Names.Bucket, key, err)
	}
	d.front, err = startFunctions(d.Cloud, built{
		dir: s.functions, env: map[string]string{"LAKE_CONFIG": "s3://" + d.Names.Bucket + "/" + key}, out: d.meter,
		kill: func(n int) lambda.Fault {
			if n == killed {
				return lambda.Fault{KillAfter: 200 * time.Millisecond}
			}
			return lambda.Fault{}
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	d.say("1. a cloud is up: stream %s with %d shards, tables %s and %s, delivery stream %s, bucket %s, database %s",
		d.Names.Stream, s.shards, d.Names.Claims, d.Names.Ledger, d.Names.Firehose, d.Names.Bucket, d.Names.Database)
	d.say("   and the unmodified bootstraps of lambda-collect, -ingest, -curate, -replay and -audit")
	return nil
}

// follow waits until everything has gone its way, and says how far it is.
func (d *demo) follow(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- d.Settle(ctx) }()
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	d.say("4. waiting for the way to the tables; one call of lambda-ingest is killed with SIGKILL in its work")
	for last := ""; ; {
		select {
		case err := <-done:
			if err == nil {
				err = d.upkeep(ctx)
			}
			if err != nil {
				return err
			}
			stats := d.Firehose.Stats()
			d.say("   %d lines went through Firehose into %d objects; calls: %s", stats.SubRecords, stats.Objects, d.meter.calls())
			return nil
		case <-tick.C:
			now := fmt.Sprintf("   %5s  claimed %.0f, with Firehose %d, objects %d", time.Since(d.begun).Round(time.Second),
				d.meter.sum("ingest", "ClaimWrites"), d.Firehose.Stats().SubRecords, d.Firehose.Stats().Objects)
			if now != last {
				d.say("%s", now)
				last = now
			}
		}
	}
}

// upkeep lets lambda-curate look for what it was not told of.
func (d *demo) upkeep(ctx context.Context) error {
	return d.invoke(ctx, "curate", map[string]string{"task": "upkeep"}, nil)
}

// invoke calls a function through Lambda's API.
func (d *demo) invoke(ctx context.Context, name string, in, out any) error {
	payload, err := json.Marshal(in)
	if err != nil {
		return err
	}
	client := sdklambda.NewFromConfig(d.Lambda.Config())
	answer, err := client.Invoke(ctx, &sdklambda.InvokeInput{FunctionName: aws.String(d.Names.Lake + "-" + name), Payload: payload})
	if err != nil {
		return fmt.Errorf("invoke %s: %w", name, err)
	}
	if answer.FunctionError != nil {
		return fmt.Errorf("lambda-%s failed: %s", name, bytes.TrimSpace(answer.Payload))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Payload, out)
}

// books lets lambda-audit hold the books against each other, and adds what it
// cost.
func (d *demo) books(ctx context.Context) error {
	hour := func(t time.Time) string { return t.UTC().Truncate(time.Hour).Format(time.RFC3339) }
	var r audit.Report
	if err := d.invoke(ctx, "audit", audit.Request{From: hour(d.begun), To: hour(time.Now().Add(time.Hour)), Stream: true}, &r); err != nil {
		return err
	}
	var sum audit.Row
	for _, row := range r.Rows {
		sum.Add(row.Tally)
		sum.Raw, sum.Repeats, sum.Table = sum.Raw+row.Raw, sum.Repeats+row.Repeats, sum.Table+row.Table
	}
	d.say("\n6. the books by lambda-audit: %d records of the stream = %d unique + %d duplicate + %d quarantined", r.Streamed, sum.Unique, sum.Duplicate, sum.Quarantined)
	d.say("   %d in raw (%d lines came twice), %d in tables; missing %d, doubled %d, on the way %d", sum.Raw, sum.Repeats, sum.Table, r.Gap, r.Doubled, r.InFlight)
	var refused int64
	for _, n := range d.truth.Malformed {
		refused += n
	}
	if sum.Unique != d.truth.Unique+int64(d.real) || sum.Duplicate != d.truth.Duplicates || sum.Quarantined != refused || sum.Table != sum.Unique ||
		r.Gap+r.Doubled+int64(r.InFlight) != 0 || len(r.Problems) > 0 {
		return fmt.Errorf("the books do not balance: made were %d events, %d copies and %d broken ones; %v", d.truth.Unique+int64(d.real), d.truth.Duplicates, refused, r.Problems)
	}
	d.say("   everything balances, and is what was generated")
	events := float64(r.Streamed)
	delivery := d.Firehose.Stats()
	d.say("7. what it took: %.2f DynamoDB writes an event, %.2f Firehose bytes billed a byte sent, %.3f objects an event",
		d.meter.sum("ingest", "ClaimWrites")/events, float64(delivery.Billed)/float64(delivery.Bytes), float64(delivery.Objects)/events)
	return nil
}
