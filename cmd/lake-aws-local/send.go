package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/client"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/testdata"
)

// client sends events of a source to lambda-collect.
func (d *demo) client(source lake.SourceID) (*client.Client, error) {
	return client.New(client.Options{
		URL: d.front, Header: http.Header{"X-Lake-Source": {string(source)}}, BatchEvents: 500, Patience: time.Minute,
		Backoff: func(int) time.Duration { return 100 * time.Millisecond },
	})
}

// sendReal sends the events of GitHub.
func (d *demo) sendReal(ctx context.Context) (err error) {
	in, err := client.NewInput("github", bytes.NewReader(testdata.GitHub))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	c, err := d.client("github")
	if err != nil {
		return err
	}
	r, err := c.Send(ctx, in, client.Hooks{})
	if err != nil {
		return err
	}
	d.real = int(r.Events)
	d.say("2. %d real events of GitHub's timeline were sent to lambda-collect", r.Events)
	return nil
}

// some is how many generated events take the same way, one after the other.
const some = 100

// sendGenerated sends generated events: by turns over HTTP, and, as a producer
// of its own does, as records of compressed lines into the stream.
func (d *demo) sendGenerated(ctx context.Context, events int) error {
	o := gen.Options{Seed: 1, Events: events, Duplicates: .05, Late: .01, Malformed: .005, Start: time.Now().Add(-73 * time.Hour).Truncate(time.Hour)}
	g := gen.New(o)
	c, err := d.client(lake.DefaultSource)
	if err != nil {
		return err
	}
	posted, put := 0, 0
	for turn := 0; ; turn++ {
		var lines [][]byte
		for len(lines) < some {
			line, ok := g.Next(nil)
			if !ok {
				break
			}
			lines = append(lines, line)
		}
		if len(lines) == 0 {
			break
		}
		if turn%2 == 0 {
			_, err = c.Send(ctx, &queue{lines}, client.Hooks{})
			posted += len(lines)
		} else {
			err = d.put(ctx, turn, lines)
			put += len(lines)
		}
		if err != nil {
			return err
		}
	}
	d.truth = g.Truth()
	d.say("3. %d generated events were sent: %d to lambda-collect, %d into the stream by another producer;", events, posted, put)
	d.say("   %d of them are copies, %d are late, %v are broken", d.truth.Duplicates, d.truth.Late, d.truth.Malformed)
	return nil
}

// put writes lines as one compressed record.
func (d *demo) put(ctx context.Context, n int, lines [][]byte) error {
	var data bytes.Buffer
	zip := gzip.NewWriter(&data)
	_, err := zip.Write(bytes.Join(lines, []byte("\n")))
	if err := errors.Join(err, zip.Close()); err != nil {
		return err
	}
	_, err = d.Kinesis().PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &d.Names.Stream, Data: data.Bytes(), PartitionKey: aws.String(fmt.Sprint(n))})
	return err
}

// queue gives lines to a client.
type queue struct{ lines [][]byte }

// Next implements client.Events.
func (q *queue) Next() ([]byte, error) {
	if len(q.lines) == 0 {
		return nil, io.EOF
	}
	line := q.lines[0]
	q.lines = q.lines[1:]
	return line, nil
}
