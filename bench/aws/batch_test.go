// Package aws measures what the lake on AWS costs: processor, memory, and what
// the services bill. make bench-aws prints it as bench/aws.md.
package aws

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/transform"
)

// sizes are the batches that are measured, in events.
var sizes = []int{100, 1_000, 10_000}

// made are generated events, about 500 bytes each, of three days: without
// copies or broken ones, so that each of them is claimed and kept.
func made(seed uint64, n int) []lake.Event {
	return makeEvents(gen.Options{Seed: seed, Events: n})
}

func makeEvents(o gen.Options) []lake.Event {
	g := gen.New(o)
	all := make([]lake.Event, 0, o.Events)
	received := lake.SystemClock()
	for {
		line, ok := g.Next(nil)
		if !ok {
			return all
		}
		all = append(all, lake.Event{ID: transform.RouteID(lake.DefaultSource, line), Source: lake.DefaultSource, Received: received, Body: line})
	}
}

// payload is what an event source mapping hands over: events in aggregated
// records of at most 250 KiB, as the collector packs them. Compressed ones fit
// more into the 6 MB that an invocation may have.
func payload(t testing.TB, all []lake.Event, sequence int, compress bool) []byte {
	t.Helper()
	var in events.KinesisEvent
	var p kinesis.Packer
	var encoder *zstd.Encoder
	if compress {
		var err error
		if encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
			t.Fatal(err)
		}
	}
	flush := func() {
		if p.Events() == 0 {
			return
		}
		data := p.AppendTo(nil)
		if compress {
			data = encoder.EncodeAll(data, nil)
		}
		sequence++
		number := fmt.Sprintf("4959033827149025660855969253836157%022d", sequence*16+2)
		in.Records = append(in.Records, events.KinesisEventRecord{
			EventID: "shardId-000000000000:" + number, EventName: "aws:kinesis:record", EventSource: "aws:kinesis", EventVersion: "1.0",
			AwsRegion: "us-east-1", InvokeIdentityArn: "arn:aws:iam::123456789012:role/ingest", EventSourceArn: "arn:aws:kinesis:us-east-1:123456789012:stream/lake",
			Kinesis: events.KinesisRecord{
				Data: data, SequenceNumber: number, PartitionKey: p.PartitionKey(), KinesisSchemaVersion: "1.0",
				ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: time.Now()},
			},
		})
		p.Reset()
	}
	for i := range all {
		if p.SizeWith(all[i].Source, len(all[i].Body)) > 10*kinesis.Unit {
			flush()
		}
		p.Add(&all[i])
	}
	flush()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
