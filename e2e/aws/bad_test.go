package aws

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

// oddRecord is a record that other producers may write, and what becomes of its
// events.
type oddRecord struct {
	name    string
	data    []byte
	rows    []string              // event_uuid of those that get into the table
	refused map[lake.Reason]int64 // the others
}

// odd is a sound event with an id.
func odd(id string) string {
	return fmt.Sprintf(`{"event_uuid":%q,"event_name":"odd:one","created_at":"2026-05-01T10:00:00Z","n":1}`, id)
}

func oddRecords(t *testing.T) []oddRecord {
	t.Helper()
	malformed := map[lake.Reason]int64{lake.ReasonMalformed: 1}
	tooLarge := map[lake.Reason]int64{lake.ReasonTooLarge: 1}
	ours, _ := aggregate("shop", lake.SystemClock(), lines{[]byte(odd("g1")), []byte(`{"broken`), []byte(odd("g2"))})
	damaged := bytes.Clone(ours)
	damaged[len(damaged)/2] ^= 1
	cut := zipped(t, []byte(odd("never")))
	ahead, _ := aggregate("default", lake.SystemClock().Add(2*time.Hour), lines{[]byte(odd("skewed"))})
	behind, _ := aggregate("default", lake.SystemClock().Add(-5*24*time.Hour), lines{[]byte(odd("skewed"))})
	large := func(text string) []byte {
		return zstandard(t, fmt.Sprintf(`{"event_uuid":"large","event_name":"odd:one","created_at":"2026-05-01T10:00:00Z","text":%q}`, text))
	}
	return []oddRecord{
		{"one event", []byte(odd("a")), []string{"a"}, nil},
		{"one event over several lines", []byte("{\n" + odd("b")[1:] + "\n"), []string{"b"}, nil},
		{"lines, one of them broken", []byte(odd("c1") + "\n{\"broken\n" + odd("c2")), []string{"c1", "c2"}, malformed},
		{"text", []byte("not JSON at all"), nil, malformed},
		{"binary", []byte{0, 1, 2, 0xff, 0xfe}, nil, malformed},
		{"an array", []byte("[" + odd("never") + "]"), nil, malformed},
		{"an empty record", []byte{}, nil, malformed},
		{"gzip of lines", zipped(t, []byte(odd("d1")+"\n"+odd("d2"))), []string{"d1", "d2"}, nil},
		{"zstd of an event", zstandard(t, odd("e")), []string{"e"}, nil},
		{"gzip that was cut off", cut[:len(cut)-9], nil, malformed},
		{"somebody else's aggregate", foreignAggregate([]byte(odd("f1")), []byte("text"), []byte(odd("f2")+"\n"+odd("f3"))), []string{"f1", "f2", "f3"}, malformed},
		{"our aggregate", ours, []string{"g1", "g2"}, malformed},
		{"a damaged aggregate", damaged, nil, malformed},
		{"an event of three megabytes", large(fmt.Sprint(slices.Collect(upTo(400_000)))), nil, tooLarge},
		{"a bomb", large(strings.Repeat("all work and no play ", 150_000)), nil, tooLarge},
		{"a clock two hours ahead", ahead, []string{"skewed"}, nil},
		{"its copy, by a clock five days behind", behind, nil, nil},
	}
}

// upTo yields the numbers below n.
func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// TestOddRecordsDoNotStopTheStream puts every kind of record that a producer can
// think of into the stream. Each event is in its table or in quarantine, no
// batch fails, and nothing is written outside of the lake's own prefixes.
func TestOddRecordsDoNotStopTheStream(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{shards: 1})
	want, rows := map[lake.Reason]int64{}, map[string]bool{}
	for _, r := range oddRecords(t) {
		_, err := s.Kinesis().PutRecord(t.Context(), &sdk.PutRecordInput{StreamName: &s.Names.Stream, Data: r.data, PartitionKey: aws.String("odd")})
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		for reason, n := range r.refused {
			want[reason] += n
		}
		for _, id := range r.rows {
			rows[id] = true
		}
	}
	escape := `{"event_uuid":"x","event_name":"../../../etc/passwd:..\\..\\x?*","created_at":"2026-05-01T10:00:00Z"}`
	post(t, s.url, "default", lines{[]byte(escape)})
	s.settle(patience)
	if stats := s.records.Stats(); stats.Failures+stats.Partial != 0 {
		t.Errorf("batches came again: %+v", stats)
	}
	s.balanced()
	s.giveUpTenMegabytes()
	want[lake.ReasonTooLarge]++
	s.settle(patience)
	s.upkeep()

	cloud := s.state()
	engine := cloud.engine(t)
	got := map[string]bool{}
	for _, r := range cloud.rows(t, engine, "odd") {
		got[fmt.Sprint(r["event_uuid"])] = true
	}
	if !maps.Equal(got, rows) {
		t.Errorf("in the table are %v, want %v", got, rows)
	}
	refused := map[lake.Reason]int64{}
	for r, n := range cloud.refused(t) {
		refused[r.reason] += int64(n)
	}
	if !maps.Equal(refused, want) {
		t.Errorf("refused are %v, want %v", refused, want)
	}
	s.escaped("../../../etc/passwd")
	s.damage()
}

// escaped looks for an event whose type names a path: it has a table, and no
// object lies where it should not.
func (s *site) escaped(eventType string) {
	s.t.Helper()
	for _, key := range s.keys("") {
		root, _, _ := strings.Cut(key, "/")
		if path.Clean(key) != key || !slices.Contains([]string{"raw", "quarantine", "tables", "ledger", "config"}, root) {
			s.t.Errorf("an object has the key %s", key)
		}
	}
	cloud := s.state()
	engine := cloud.engine(s.t)
	found := 0
	for name := range cloud.tables(s.t) {
		for _, r := range cloud.rows(s.t, engine, name) {
			if r["event_type"] == eventType {
				found++
			}
		}
	}
	if found != 1 {
		s.t.Errorf("the event of type %s is %d times in the tables", eventType, found)
	}
}

// goneShard is a shard that the stream no longer has.
const goneShard = "shardId-000000000009"

// giveUpTenMegabytes leaves a record of the largest size in the bucket, as
// Lambda does with one that is over the payload of an invocation, and lets
// lambda-replay take it.
func (s *site) giveUpTenMegabytes() {
	s.t.Helper()
	head := `{"event_uuid":"huge","event_name":"odd:one","created_at":"2026-05-01T10:00:00Z","text":"`
	body := head + strings.Repeat("x", lake.MaxBody-len(head)-2) + `"}`
	const sequence = "49590338271490256608559692538361571095921575989136588898"
	payload, err := json.Marshal(kinesisEvent(goneShard, sequence, []byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	bucket := mapping.Bucket{Client: s.Moto.S3(), Name: s.Names.Bucket}
	err = bucket.Send(s.t.Context(), "m", mapping.Failure{
		RequestContext: mapping.RequestContext{Condition: "RetryAttemptsExhausted"},
		Kinesis:        mapping.KinesisBatchInfo{ShardID: goneShard, First: sequence, Last: sequence, Records: 1},
	}, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	var answer events.SQSEventResponse
	s.call("replay", queued(s.notification(s.keys(givenUp)[0])), &answer)
	if len(answer.BatchItemFailures) > 0 || len(s.keys(givenUp)) > 0 {
		s.t.Errorf("a record of %d bytes was not drained: %+v", len(body), answer)
	}
}

// damage deletes a raw object and cuts another one off: the audit names both,
// and the shard that it cannot read again.
func (s *site) damage() {
	s.t.Helper()
	var keys []string
	for _, key := range s.keys("raw/") {
		if strings.Contains(key, "event_type=odd") {
			keys = append(keys, key)
		}
	}
	other := s.keys("raw/event_type=_")
	if len(keys) == 0 || len(other) == 0 {
		s.t.Fatalf("raw objects are %v and %v", keys, other)
	}
	client := s.Moto.S3()
	if _, err := client.DeleteObject(s.t.Context(), &s3.DeleteObjectInput{Bucket: &s.Names.Bucket, Key: &keys[0]}); err != nil {
		s.t.Fatal(err)
	}
	s.put(other[0], "\x1f\x8b cut off")
	r := s.audit()
	for _, place := range []string{keys[0], other[0], goneShard} {
		if !strings.Contains(strings.Join(r.Problems, "\n"), place) {
			s.t.Errorf("the audit does not name %s: %v", place, r.Problems)
		}
	}
	if r.Gap == 0 {
		s.t.Error("the audit finds no gap")
	}
}

// kinesisEvent is what an event source mapping hands over for one record.
func kinesisEvent(shard, sequence string, data []byte) events.KinesisEvent {
	return events.KinesisEvent{Records: []events.KinesisEventRecord{{
		EventID: shard + ":" + sequence, EventSource: "aws:kinesis", EventName: "aws:kinesis:record",
		Kinesis: events.KinesisRecord{
			ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: time.Now()}, Data: data, PartitionKey: "k", SequenceNumber: sequence,
		},
	}}}
}

// foreignAggregate is an aggregate as the Kinesis Producer Library writes it.
func foreignAggregate(records ...[]byte) []byte {
	var b []byte
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendString(b, "key")
	for _, r := range records {
		var m []byte
		m = protowire.AppendTag(m, 1, protowire.VarintType)
		m = protowire.AppendVarint(m, 0)
		m = protowire.AppendTag(m, 3, protowire.BytesType)
		m = protowire.AppendBytes(m, r)
		b = protowire.AppendTag(b, 3, protowire.BytesType)
		b = protowire.AppendBytes(b, m)
	}
	sum := md5.Sum(b)
	return append(append([]byte("\xf3\x89\x9a\xc2"), b...), sum[:]...)
}

func zstandard(t *testing.T, text string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(text), nil)
}
