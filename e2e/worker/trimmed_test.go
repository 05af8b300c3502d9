package worker

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake"
)

// trimmed is a shard whose workers were away for longer than the stream keeps
// records: the one that they have to go on from is gone. A worker leaves the
// shard alone and says how it can be made to go on; then it does.
func trimmed(t *testing.T, r *rig) {
	put := func(id string) lake.Position {
		t.Helper()
		body := fmt.Sprintf(`{"event_uuid":%q,"event_name":"account:opened","created_at":"2026-03-01T10:00:00Z"}`, id)
		out, err := r.api.PutRecord(t.Context(), &sdk.PutRecordInput{
			StreamName: &r.names.Stream, PartitionKey: aws.String("k"), ExplicitHashKey: aws.String("0"), Data: []byte(body),
		})
		if err != nil {
			t.Fatal(err)
		}
		at, err := lake.ParsePosition(*out.SequenceNumber)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	const shard = "shardId-000000000000"
	gone := put("before")
	gone.Seq[2] += 1 << 36 // a second behind it, where nothing is: as if it had been there
	after := put("after")
	if !after.After(gone) {
		t.Fatalf("%s is not behind %s", after, gone)
	}
	if err := r.ledger.Commit(t.Context(), lake.Commit{Shard: shard, Span: lake.Span{To: gone}}); err != nil {
		t.Fatal(err)
	}

	stops := start(t, "a worker that stops", r.env(nil))
	await(t, "it says that records are lost", func() bool { return stops.log.says("work on a shard failed", lake.ErrTrimmed.Error()) })
	if !stops.log.hints("LAKE_AWS_TRIMMED=skip") {
		t.Errorf("it does not say what to do:\n%s", stops.log.text())
	}
	stops.end()
	if at, err := r.ledger.Position(t.Context(), shard); err != nil || at != gone {
		t.Errorf("the shard is at %s, want %s: %v", at, gone, err)
	}

	skips := start(t, "a worker that skips", r.env(map[string]string{"LAKE_AWS_TRIMMED": "skip"}))
	await(t, "it goes on", func() bool {
		at, err := r.ledger.Position(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		return at == after
	})
	if !skips.log.says("records may be lost: reading goes on with the oldest one that is kept", "") {
		t.Errorf("it does not say that records may be lost:\n%s", skips.log.text())
	}
	skips.end()
}
