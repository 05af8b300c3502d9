package event_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/event"
)

func payload(t testing.TB, bodies ...string) []byte {
	t.Helper()
	var e events.KinesisEvent
	for i, b := range bodies {
		seq := fmt.Sprintf("4959033827149025660855969253836157109592157598913658%04d", i)
		e.Records = append(e.Records, events.KinesisEventRecord{
			EventID: "shardId-000000000006:" + seq, EventSourceArn: "arn:aws:kinesis:us-east-1:123456789012:stream/lake",
			Kinesis: events.KinesisRecord{
				ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: time.Unix(1_780_000_000, 123_000_000)},
				Data:                        []byte(b), PartitionKey: `odd "key" é`, SequenceNumber: seq,
			},
		})
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAPayloadBecomesRecords(t *testing.T) {
	bodies := []string{`{"a":1}`, "", "\x00\xff\xfe", strings.Repeat("x", 100_000)}
	var b event.Batch
	for range 2 { // memory is used again
		if err := b.Decode(payload(t, bodies...)); err != nil {
			t.Fatal(err)
		}
		if len(b.Records) != len(bodies) || b.Stream != "arn:aws:kinesis:us-east-1:123456789012:stream/lake" {
			t.Fatalf("%d records of %q", len(b.Records), b.Stream)
		}
		for i, r := range b.Records {
			if string(r.Data) != bodies[i] || r.Shard != "shardId-000000000006" || r.Position.String() != r.Sequence ||
				r.Arrived != 1_780_000_000_123_000 {
				t.Errorf("record %d: %s %s %s %d bytes", i, r.Shard, r.Position, r.Arrived, len(r.Data))
			}
		}
	}
}

func TestEscapedSlashesInBase64AreRead(t *testing.T) {
	data := base64.StdEncoding.EncodeToString([]byte("\xff\xff\xff"))
	if !strings.Contains(data, "/") {
		t.Fatal("the case has no slash")
	}
	in := string(payload(t, "\xff\xff\xff"))
	var b event.Batch
	if err := b.Decode([]byte(strings.ReplaceAll(in, data, strings.ReplaceAll(data, "/", `\/`)))); err != nil {
		t.Fatal(err)
	}
	if string(b.Records[0].Data) != "\xff\xff\xff" {
		t.Errorf("%q", b.Records[0].Data)
	}
}

func TestABrokenPayloadIsRefused(t *testing.T) {
	for name, in := range map[string]string{
		"empty":              ``,
		"no object":          `[]`,
		"no records":         `{}`,
		"another event":      `{"version":"0","source":"aws.events","detail":{"Records":[]}}`,
		"another's records":  `{"Records":[{"eventSource":"aws:sqs","messageId":"m","body":"{}"}]}`,
		"records null":       `{"Records":null}`,
		"cut":                `{"Records":[{"eventID":"s:1","kinesis":{"sequenceNumber":"1"`,
		"records no array":   `{"Records":{}}`,
		"no shard":           `{"Records":[{"kinesis":{"sequenceNumber":"1","data":""}}]}`,
		"no sequence number": `{"Records":[{"eventID":"s:1","kinesis":{"data":""}}]}`,
		"odd sequence":       `{"Records":[{"eventID":"s:x","kinesis":{"sequenceNumber":"x","data":""}}]}`,
		"no base64":          `{"Records":[{"eventID":"s:1","kinesis":{"sequenceNumber":"1","data":"*"}}]}`,
		"data a number":      `{"Records":[{"eventID":"s:1","kinesis":{"sequenceNumber":"1","data":7}}]}`,
		"time a text":        `{"Records":[{"eventID":"s:1","kinesis":{"sequenceNumber":"1","approximateArrivalTimestamp":"x"}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			var b event.Batch
			err := b.Decode([]byte(in))
			if !errors.Is(err, lake.ErrInvalid) || len(b.Records) > 0 {
				t.Fatalf("%v, %d records", err, len(b.Records))
			}
			if hint := lake.Hint(err); !strings.Contains(hint, "Kinesis") || !strings.Contains(hint, `"Records"`) {
				t.Errorf("the hint %q does not say what is expected", hint)
			}
		})
	}
}

// TestABatchMayBeEmpty: that is no mistake of the caller's.
func TestABatchMayBeEmpty(t *testing.T) {
	b := event.Batch{}
	for _, in := range []string{string(payload(t, "x")), `{"Records":[]}`} { // the first leaves nothing behind
		if err := b.Decode([]byte(in)); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.Records) != 0 || b.Stream != "" {
		t.Errorf("%+v", b)
	}
}

func TestFailuresAreWrittenAsLambdaReadsThem(t *testing.T) {
	for want, f := range map[string]event.Failures{
		`{"batchItemFailures":[]}`: nil,
		`{"batchItemFailures":[{"itemIdentifier":"495"},{"itemIdentifier":"7"}]}`: {"495", "7"},
	} {
		var back events.KinesisEventResponse
		if got := string(f.Encode()); got != want || json.Unmarshal([]byte(got), &back) != nil || len(back.BatchItemFailures) != len(f) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(payload(f, `{"a":1}`, "x"))
	f.Add([]byte(`{"Records":[{"eventID":"s:1","kinesis":{"sequenceNumber":"1","approximateArrivalTimestamp":1e999,"data":"AA=="}}]}`))
	var b event.Batch
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := b.Decode(in); err != nil {
			return
		}
		for _, r := range b.Records {
			if r.Shard == "" || len(r.Data) > len(in) {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	const n = 1000
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = `{"event_uuid":"` + strings.Repeat("x", 480) + `"}`
	}
	in := payload(b, bodies...)
	var batch event.Batch
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := batch.Decode(in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
}
