package firehose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/laketest/sinktest"
	"github.com/eventlake/lake/raw"
)

// stream is a sink over a delivery stream in memory, and the store of its
// direct way.
type stream struct {
	fake  *awsfake.Firehose
	store *memory.Store
	sink  *firehose.Sink
}

// start makes a sink whose retries do not wait.
func start(t testing.TB, o firehose.Options) *stream {
	t.Helper()
	s := &stream{fake: &awsfake.Firehose{}, store: memory.NewStore()}
	gz, err := raw.NewCompressor(s.store, 1)
	if err != nil {
		t.Fatal(err)
	}
	o.Stream = "lake-raw"
	if o.Direct == nil {
		o.Direct = raw.NewWriter(gz, nil)
	}
	if o.Retry == nil {
		o.Retry = &awsapi.Retry{Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	}
	if s.sink, err = firehose.New(s.fake, o); err != nil {
		t.Fatal(err)
	}
	return s
}

// jq is the query of the delivery stream.
func jq(t testing.TB) *gojq.Code {
	t.Helper()
	q, err := gojq.Parse(firehose.JQ)
	if err != nil {
		t.Fatal(err)
	}
	code, err := gojq.Compile(q)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// dirOf is where the delivery stream puts a line: the prefix with what jq reads.
// It is "" when jq does not read strings.
func dirOf(t testing.TB, code *gojq.Code, line []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(line, &v); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	out, _ := code.Run(v).Next()
	keys, ok := out.(map[string]any)
	if !ok {
		return ""
	}
	dir := firehose.Prefix
	for k, v := range keys {
		s, ok := v.(string)
		if !ok || s == "" {
			return ""
		}
		dir = strings.ReplaceAll(dir, "!{partitionKeyFromQuery:"+k+"}", s)
	}
	return dir
}

// delivered is what is kept, by partition: what Firehose would deliver from the
// records that it took, and what the direct way wrote.
func (s *stream) delivered(t *testing.T) map[lake.Partition][]string {
	t.Helper()
	kept := map[lake.Partition][]string{}
	code := jq(t)
	for _, record := range s.fake.Records() {
		lines := bytes.SplitAfter(record, []byte("\n"))
		if n := len(lines) - 1; n > firehose.MaxLines || len(lines[n]) != 0 {
			t.Fatalf("a record of %d lines that ends in %q", n, lines[n])
		}
		for _, line := range lines[:len(lines)-1] {
			named, err := raw.ParseKey(lake.Key(dirOf(t, code, line) + "part-s-0-1.ndjson.gz"))
			if err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			kept[named.Partition] = append(kept[named.Partition], string(line))
		}
	}
	for p, lines := range s.direct(t) {
		kept[p] = append(kept[p], lines...)
	}
	return kept
}

// direct is what the direct way wrote.
func (s *stream) direct(t *testing.T) map[lake.Partition][]string {
	t.Helper()
	kept := map[lake.Partition][]string{}
	for info, err := range s.store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		named, err := raw.ParseKey(info.Key)
		if err != nil {
			t.Fatal(err)
		}
		f := lake.File{Key: info.Key, Bytes: info.Bytes}
		if err := raw.NewReader(s.store, nil).EachLine(t.Context(), f, func(line []byte) error {
			kept[named.Partition] = append(kept[named.Partition], string(line))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return kept
}

func TestContract(t *testing.T) {
	for name, o := range map[string]firehose.Options{
		"through Firehose":           {},
		"half of it the direct way":  {Partitions: 3},
		"one call after the other":   {Parallel: 1},
		"partitions that are closed": {Partitions: 4, Hold: 1},
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Suite(t, func(t *testing.T) (lake.Sink, sinktest.Kept) {
				s := start(t, o)
				return s.sink, s.delivered
			})
		})
	}
}

func TestPrefixIsThePartitionsDirectory(t *testing.T) {
	code := jq(t)
	p := lake.Partition{Name: lake.Name{Type: "account.x-1", Subtype: "opened_"}, Day: 20400}
	for _, day := range []lake.Day{20400, 0, -3, -700_000} {
		p.Day = day
		line := raw.Append(nil, []byte(`{"a":1}`), &raw.Fields{Type: []byte(p.Type), Subtype: []byte(p.Subtype), Created: day.Start().Add(1e9)})
		if got, want := dirOf(t, code, line), raw.Root+p.Dir()+"/"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
