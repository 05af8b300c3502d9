package replay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

func (r *rig) giveUp(name, text string) string {
	r.t.Helper()
	key := lake.Key("failed/" + name)
	info, err := r.store.Create(r.t.Context(), key, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	if err != nil {
		r.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"Records":[{"eventName":"ObjectCreated:Put","eventTime":"2026-06-01T12:00:00Z","s3":{"bucket":{"name":"lake"},"object":{"key":%q,"size":%d}}}]}`, key, info.Bytes)
	out, err := json.Marshal(map[string]any{"Records": []any{map[string]string{"messageId": "m", "eventSource": "aws:sqs", "body": body}}})
	if err != nil {
		r.t.Fatal(err)
	}
	return string(out)
}

func (r *rig) left() (n int) {
	r.t.Helper()
	for _, err := range r.store.List(r.t.Context(), "failed/") {
		if err != nil {
			r.t.Fatal(err)
		}
		n++
	}
	return n
}

const gave = `{"version":"1.0","requestContext":{"condition":"RetryAttemptsExhausted"},
 "KinesisBatchInfo":{"shardId":"shardId-0","startSequenceNumber":"2","endSequenceNumber":"3","batchSize":2,"streamArn":"arn:x"}%s}`

func TestABatchThatWasGivenUpIsSettled(t *testing.T) {
	r := newRig(t)
	payload := `{"Records":[]}`
	quoted, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	told := r.giveUp("lambda/a.json", fmt.Sprintf(gave, `,"payload":`+string(quoted)))
	r.refuse = true
	out, err := r.handler.Invoke(t.Context(), []byte(told))
	if err != nil || !bytes.Contains(out, []byte(`"m"`)) || r.left() != 1 {
		t.Fatalf("%s %v, %d left", out, err, r.left())
	}
	r.refuse = false
	for range 2 { // notifications come twice
		if out, err = r.handler.Invoke(t.Context(), []byte(told)); err != nil || string(out) != `{"batchItemFailures":[]}` {
			t.Fatalf("%s %v", out, err)
		}
	}
	if len(r.batches) != 1 || string(r.batches[0]) != payload || r.left() != 0 {
		t.Fatalf("%q, %d left", r.batches, r.left())
	}
}

func TestABatchWithoutItsPayloadIsReadFromTheStream(t *testing.T) {
	r := newRig(t)
	var events []lake.Event
	for n := range 5 {
		events = append(events, lake.Event{ID: id(uint64(n)), Source: "web", Received: noon,
			Body: fmt.Appendf(nil, `{"event_uuid":"%d","event_name":"account:x","created_at":1780000000}`, n+1)})
	}
	if err := r.stream.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	shards, err := r.stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.giveUp("lambda/b.json", bytesReplace(fmt.Sprintf(gave, ""), "shardId-0", string(shards[0].ID)))
	if report := r.invoke(`{"target":"drain"}`); report.Drained.Batches != 1 || report.Drained.Records != 2 || r.left() != 0 {
		t.Fatalf("%+v, %d left", report, r.left())
	}
	owned := make([]lake.Outcome, 1)
	for n := range uint64(5) {
		row := transform.Row{}
		tr, err := transform.New(transform.DefaultMapping())
		if err != nil {
			t.Fatal(err)
		}
		if no := tr.Scanner().Scan("web", events[n].Body, noon, &row); no != nil {
			t.Fatal(no)
		}
		claim := []lake.Claim{{ID: row.ID, Position: lake.Pos(100 + n), Time: noon, Fingerprint: row.Fingerprint}}
		if err := r.ledger.Claim(t.Context(), shards[0].ID, claim, owned); err != nil {
			t.Fatal(err)
		}
		if settled := owned[0] == lake.Taken; settled != (n == 1 || n == 2) {
			t.Errorf("record %d settled: %v", n+1, settled)
		}
	}
}

func TestABatchIsReadOnFromWhereItIsSettled(t *testing.T) {
	r := newRig(t)
	for n := range 8 {
		e := lake.Event{ID: id(uint64(n)), Source: "web", Received: noon, Body: fmt.Appendf(nil, `{"event_uuid":"%d","event_name":"account:x","created_at":1780000000}`, n+1)}
		if err := r.stream.Append(t.Context(), []lake.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	shards, err := r.stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shard := shards[0].ID
	// Of the records 2 to 7 those to 5 were settled in two calls, before the batch
	// was given up.
	for _, s := range []lake.Span{{After: lake.Pos(1), To: lake.Pos(3)}, {After: lake.Pos(3), To: lake.Pos(5)}} {
		if err := r.receipts.Record(t.Context(), lake.Receipt{Shard: shard, First: lake.Pos(s.After.Seq[2] + 1), To: s.To, Events: 2}); err != nil {
			t.Fatal(err)
		}
	}
	r.giveUp("lambda/b.json", fmt.Sprintf(`{"KinesisBatchInfo":{"shardId":%q,"startSequenceNumber":"2","endSequenceNumber":"7","batchSize":6}}`, shard))
	if report := r.invoke(`{"target":"drain"}`); report.Drained.Batches != 1 || r.left() != 0 {
		t.Fatalf("%+v, %d left", report, r.left())
	}
	var got []string
	for f, err := range r.receipts.ReceiptsIn(t.Context(), shard, lake.Pos(1), lake.Pos(9)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s-%s: %d", f.First, f.To, f.Events))
	}
	if want := []string{"2-3: 2", "4-5: 2", "6-7: 2"}; !slices.Equal(got, want) {
		t.Errorf("settled %q, want %q", got, want)
	}
	lines := 0
	for info, err := range r.store.List(t.Context(), raw.Root) {
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.NewReader(r.store, nil).EachLine(t.Context(), lake.File{Key: info.Key, Bytes: info.Bytes}, func([]byte) error { lines++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if lines != 2 {
		t.Errorf("%d lines were written; two records were not settled", lines)
	}
}

func bytesReplace(s, old, with string) string {
	return string(bytes.ReplaceAll([]byte(s), []byte(old), []byte(with)))
}

func TestABrokenObjectStaysAndTheOthersAreSettled(t *testing.T) {
	r := newRig(t)
	r.giveUp("lambda/a.json", `nonsense`)
	r.giveUp("lambda/b.json", fmt.Sprintf(gave, `,"payload":{"Records":[]}`))
	if _, err := r.handler.Invoke(t.Context(), []byte(`{"target":"drain"}`)); err == nil {
		t.Fatal("the broken one is no error")
	}
	if len(r.batches) != 1 || r.left() != 1 {
		t.Fatalf("%d settled, %d left", len(r.batches), r.left())
	}
}

func TestLinesThatFirehoseCouldNotPlaceAreFiled(t *testing.T) {
	r := newRig(t)
	var lines []byte
	for n := range uint64(3) {
		kind := []string{"account", "Pay/ment"}[n%2]
		lines = raw.Append(lines, fmt.Appendf(nil, `{"event_uuid":"%d","event_name":"%s:x","created_at":1780315200}`, n, kind), &raw.Fields{
			ID: id(n), Type: []byte(kind), Subtype: []byte("x"), Created: 1_780_315_200_000_000, Source: "web",
			Shard: "shardId-0", Position: lake.Pos(n + 1), Received: noon,
		})
	}
	object, err := json.Marshal(map[string]any{"attemptsMade": 1, "errorCode": "DynamicPartitioning.MetadataExtractionFailed", "rawData": lines})
	if err != nil {
		t.Fatal(err)
	}
	told := r.giveUp("firehose/metadata-extraction-failed/2026/06/01/12/x-1", string(object)+"\n"+string(object))
	if out, err := r.handler.Invoke(t.Context(), []byte(told)); err != nil || string(out) != `{"batchItemFailures":[]}` || r.left() != 0 {
		t.Fatalf("%s %v, %d left", out, err, r.left())
	}
	got := map[string]int{}
	for info, err := range r.store.List(t.Context(), "raw/") {
		if err != nil {
			t.Fatal(err)
		}
		kind, p, err := raw.ParseDir(info.Key)
		if err != nil || kind != lake.KindRaw || p.Day.String() != "2026-06-01" {
			t.Fatal(info.Key, err)
		}
		err = raw.NewReader(r.store, nil).EachLine(t.Context(), lake.File{Key: info.Key, Bytes: info.Bytes}, func(line []byte) error {
			var f raw.Fields
			_, err := raw.Split(bytes.TrimSpace(line), &f)
			got[p.Type+" "+f.ID.String()+" "+string(f.Type)]++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 3 {
		t.Fatalf("%v", got)
	}
	for line, n := range got {
		if n != 2 {
			t.Errorf("%s is there %d times; it was in the object twice", line, n)
		}
	}
}
