package aws

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/client"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/testdata"
	"github.com/eventlake/lake/transform"
)

// lines are events as they are sent.
type lines [][]byte

// github are the real events.
func github(t *testing.T) (all lines) {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(testdata.GitHub))
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(zip)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		all = append(all, bytes.Clone(in.Bytes()))
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// generated are made-up events and what is in them.
func generated(o gen.Options) (all lines, truth gen.Truth) {
	g := gen.New(o)
	for {
		line, ok := g.Next(nil)
		if !ok {
			return all, g.Truth()
		}
		all = append(all, line)
	}
}

// queue gives lines to a client.
type queue struct{ lines }

func (q *queue) Next() ([]byte, error) {
	if len(q.lines) == 0 {
		return nil, io.EOF
	}
	line := q.lines[0]
	q.lines = q.lines[1:]
	return line, nil
}

// post sends the lines over HTTP, in their order.
func post(t *testing.T, url, source string, all lines) {
	t.Helper()
	postIn(t, url, source, 500, all)
}

// postIn is post with a number of events a request.
func postIn(t *testing.T, url, source string, batch int, all lines) {
	t.Helper()
	sending{url: url, source: source, batch: batch}.post(t, all)
}

// sending is how lines are sent over HTTP.
type sending struct {
	url, source, key string
	batch            int // events a request
}

func (s sending) post(t *testing.T, all lines) {
	t.Helper()
	o := client.Options{
		URL: s.url, Key: s.key, Connections: 1, BatchEvents: s.batch, Patience: 2 * time.Minute,
		Backoff: func(int) time.Duration { return 50 * time.Millisecond },
	}
	if s.key == "" { // else the key has a source
		o.Header = http.Header{"X-Lake-Source": {s.source}}
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Send(t.Context(), &queue{slices.Clone(all)}, client.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Acknowledged() != int64(len(all)) {
		t.Fatalf("%d of %d events are acknowledged", r.Acknowledged(), len(all))
	}
}

// putDirectly writes the lines into the stream as other producers do: as
// single records, as gzip of lines and as aggregates.
func putDirectly(t *testing.T, api *sdk.Client, stream string, all lines) {
	t.Helper()
	var entries []types.PutRecordsRequestEntry
	add := func(key string, data []byte) *types.PutRecordsRequestEntry {
		entries = append(entries, types.PutRecordsRequestEntry{Data: data, PartitionKey: aws.String(key)})
		return &entries[len(entries)-1]
	}
	for form := 0; len(all) > 0; form++ {
		some := all[:min(40, len(all))]
		all = all[len(some):]
		switch form % 3 {
		case 0:
			for i, line := range some {
				add(fmt.Sprint(form, i), line)
			}
		case 1:
			add(fmt.Sprint(form), zipped(t, bytes.Join(some, []byte("\n"))))
		case 2:
			data, key := aggregate(lake.DefaultSource, lake.SystemClock(), some)
			add(fmt.Sprint(form), data).ExplicitHashKey = &key
		}
	}
	for some := range slices.Chunk(entries, 200) {
		out, err := api.PutRecords(t.Context(), &sdk.PutRecordsInput{StreamName: &stream, Records: some})
		if err != nil {
			t.Fatal(err)
		}
		if n := aws.ToInt32(out.FailedRecordCount); n > 0 {
			t.Fatalf("%d records were not taken", n)
		}
	}
}

// aggregate packs lines as a producer with our library does.
func aggregate(source lake.SourceID, received lake.Instant, some lines) (data []byte, hashKey string) {
	var p kinesis.Packer
	for _, line := range some {
		p.Add(&lake.Event{ID: transform.RouteID(source, line), Source: source, Received: received, Body: line})
	}
	return p.AppendTo(nil), p.HashKey()
}

func zipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
