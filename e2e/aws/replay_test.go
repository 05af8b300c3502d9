package aws

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
	"github.com/eventlake/lake/lambda/replay"
)

// givenUp is where Lambda leaves what it gives up, by itself below the root of
// the bucket.
const givenUp = "aws/lambda/"

// TestWhatWasGivenUpIsDrained lets the claims be throttled for longer than a
// batch is tried, sees that the audit finds what is missing, and drains it, by a
// notification and by two calls at the same time, from the payload and, where
// that is not kept, from the stream.
func TestWhatWasGivenUpIsDrained(t *testing.T) {
	t.Parallel()
	all, _ := generated(gen.Options{Seed: 31, Events: 450, Duplicates: .1, Malformed: .03})
	before, lost, after := all[:150], all[150:300], all[300:]
	s := newSite(t, setup{
		timeouts: map[string]time.Duration{"ingest": 9 * time.Second}, // 2 of them are the margin
		mapping:  func(m *mapping.Kinesis) { m.BatchSize, m.Window, m.Attempts = 10, 0, 2 },
	})
	postIn(t, s.url, "default", 10, before)
	s.settle(patience)

	s.dynamodb.set(func(_, table string) verdict {
		if table == s.Names.Claims {
			return throttle
		}
		return pass
	})
	postIn(t, s.url, "default", 10, lost)
	s.settle(2 * time.Minute)
	s.dynamodb.set(func(string, string) verdict { return pass })
	postIn(t, s.url, "default", 10, after)
	s.settle(patience)

	stats, left := s.records.Stats(), s.keys(givenUp)
	if stats.GivenUp == 0 || stats.Partial == 0 || len(left) < 3 {
		t.Fatalf("%+v, left are %v", stats, left)
	}
	if r := s.audit(); r.Gap != int64(len(lost)) {
		t.Errorf("the audit finds a gap of %d, %d events were given up: %v", r.Gap, len(lost), r.Problems)
	}

	s.withoutPayload(left[0])
	var told events.SQSEventResponse
	s.call("replay", queued(s.notification(left[1])), &told)
	if len(told.BatchItemFailures) > 0 || len(s.keys(givenUp)) != len(left)-1 {
		t.Errorf("of %v there are %v after a notification about the second: %+v", left, s.keys(givenUp), told)
	}
	first := s.twice(replay.Request{Target: replay.ToDrain})
	if n := len(s.keys(givenUp)); n != 0 || first.Drained.Left != 0 {
		t.Errorf("%d batches are left, %+v", n, first)
	}
	if again := s.twice(replay.Request{Target: replay.ToDrain}); again.Drained.Batches != 0 {
		t.Errorf("a drain of nothing settled %+v", again.Drained)
	}
	s.settle(patience)

	m := newMachine(t)
	post(t, m.url, "default", all)
	m.settle()
	sameTables(t, m.state(), s.state())
	sameQuarantine(t, m.state(), s.state())
	s.balanced()
}

// withoutPayload makes of a batch that was given up what a destination other
// than S3 gets: its place in the stream only.
func (s *site) withoutPayload(key string) {
	s.t.Helper()
	out, err := s.Moto.S3().GetObject(s.t.Context(), &s3.GetObjectInput{Bucket: &s.Names.Bucket, Key: &key})
	if err != nil {
		s.t.Fatal(err)
	}
	var batch map[string]any
	if err := json.NewDecoder(out.Body).Decode(&batch); err != nil {
		s.t.Fatal(err)
	}
	delete(batch, "payload")
	text, err := json.Marshal(batch)
	if err != nil {
		s.t.Fatal(err)
	}
	s.put(key, string(text))
}

// queued is a message as an event source mapping hands it over.
func queued(body string) events.SQSEvent {
	return events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: body, EventSource: "aws:sqs"}}}
}

// twice starts a replay two times at once and returns what the first one said.
func (s *site) twice(r replay.Request) replay.Report {
	s.t.Helper()
	var reports [2]replay.Report
	var both errgroup.Group
	for i := range reports {
		both.Go(func() error { return s.try("replay", r, &reports[i]) })
	}
	if err := both.Wait(); err != nil {
		s.t.Fatal(err)
	}
	return reports[0]
}

// TestAReplayStartedTwiceCountsNothingTwice publishes everything again and
// rebuilds every table, each twice at once, where a call has so little time
// that it hands itself the rest.
func TestAReplayStartedTwiceCountsNothingTwice(t *testing.T) {
	t.Parallel()
	all, truth := generated(gen.Options{Seed: 32, Events: 400, Late: .05})
	s := newSite(t, setup{timeouts: map[string]time.Duration{"replay": 34 * time.Second}}) // 30 of them are the margin
	post(t, s.url, "default", all)
	s.settle(patience)
	before, objects := s.balanced(), len(s.keys("raw/"))

	var dry replay.Report
	s.call("replay", replay.Request{Target: replay.ToStream, DryRun: true}, &dry)
	if dry.Published.Files != objects || dry.Published.Events != 0 {
		t.Errorf("a dry run says %+v of %d objects", dry.Published, objects)
	}
	s.twice(replay.Request{Target: replay.ToStream})
	s.settle(2 * time.Minute)
	after := s.balanced()
	var was, is int64
	for _, r := range before.Rows {
		was += r.Unique
	}
	var duplicates int64
	for _, r := range after.Rows {
		is, duplicates = is+r.Unique, duplicates+r.Duplicate
	}
	if was != truth.Unique || is != was || duplicates < was {
		t.Errorf("%d unique events became %d, with %d duplicates", was, is, duplicates)
	}
	if n := len(s.keys("raw/")); n != objects {
		t.Errorf("%d raw objects became %d", objects, n)
	}

	s.twice(replay.Request{Target: replay.ToRebuild, Force: true})
	s.settle(2 * time.Minute)
	if !strings.Contains(s.log.String(), "the rest was handed on") {
		t.Error("no call handed itself the rest: the test proves less than it says")
	}
	m := newMachine(t)
	post(t, m.url, "default", all)
	m.settle()
	sameTables(t, m.state(), s.state())
	s.balanced()
}

// TestWhatFirehoseCouldNotPlaceIsFiled lets a delivery stream have fewer
// partitions open than the events have: what it leaves under its error prefix
// is missing in the audit, and in its tables after a drain.
func TestWhatFirehoseCouldNotPlaceIsFiled(t *testing.T) {
	t.Parallel()
	all, _ := generated(gen.Options{Seed: 33, Events: 300})
	s := newSite(t, setup{open: 10})
	post(t, s.url, "default", all)
	s.settle(patience)
	left := s.keys(firehose.ErrorRoot)
	if r := s.audit(); len(left) == 0 || r.Gap == 0 {
		t.Fatalf("%d objects are misplaced, the gap is %d", len(left), r.Gap)
	}

	if report := s.twice(replay.Request{Target: replay.ToDrain}); report.Drained.Left != 0 || len(s.keys(firehose.ErrorRoot)) != 0 {
		t.Errorf("of %d objects %d are left, %+v", len(left), len(s.keys(firehose.ErrorRoot)), report)
	}
	s.settle(patience)
	m := newMachine(t)
	post(t, m.url, "default", all)
	m.settle()
	sameTables(t, m.state(), s.state())
	s.balanced()
}
