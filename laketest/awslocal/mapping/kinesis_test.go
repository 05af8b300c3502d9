package mapping_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

func TestEveryRecordComesOnceInTheOrderOfItsKey(t *testing.T) {
	t.Parallel()
	s := newStream(t, 2)
	var bodies []string
	for i := range 100 {
		for _, key := range []string{"a", "b", "c", "d", "e"} {
			bodies = append(bodies, fmt.Sprintf("%s:%03d", key, i))
		}
	}
	put(t, s, bodies...)
	var under, most atomic.Int64
	f := &function{answer: func([]string, events.KinesisEvent) ([]byte, error) {
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(5 * time.Millisecond)
		under.Add(-1)
		return nil, nil
	}}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), BatchSize: 7, Parallel: 5})
	caught(t, m)
	batches, taken := f.seen()
	mustBeInOrder(t, taken, len(bodies))
	for _, b := range batches {
		if len(b) > 7 {
			t.Errorf("a batch of %d records, over its size of 7", len(b))
		}
	}
	if most.Load() < 2 {
		t.Error("no two batches at the same time, with 2 shards and 5 lanes each")
	}
}

func TestABatchStaysBelowThePayloadLimit(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	want := 20
	for i := range want {
		put(t, s, fmt.Sprintf("a:%03d%s", i, bytes.Repeat([]byte("x"), 10_000)))
	}
	f := &function{}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), PayloadMax: 50_000})
	caught(t, m)
	_, taken := f.seen()
	mustBeInOrder(t, taken, want)
	for i, size := range f.sizes {
		if size > 50_000 {
			t.Errorf("invocation %d has %d bytes", i, size)
		}
	}
}

func TestAWindowGathersABatch(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	f := &function{}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), BatchSize: 10, Window: 2 * time.Second})
	for i := range 10 {
		put(t, s, fmt.Sprintf("a:%03d", i))
	}
	begun := time.Now()
	put(t, s, "a:010")
	caught(t, m)
	if waited := time.Since(begun); waited < 1500*time.Millisecond {
		t.Errorf("the last record came after %v, before its window of 2 s was over", waited)
	}
	batches, _ := f.seen()
	if len(batches) != 2 || len(batches[0]) != 10 {
		t.Errorf("batches %v, want the full one at once and the rest after the window", batches)
	}
}

func TestAFailedBatchBlocksItsShard(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 10)...)
	var failures atomic.Int64
	f := &function{answer: func(bodies []string, _ events.KinesisEvent) ([]byte, error) {
		if slices.Contains(bodies, "a:002") && failures.Add(1) < 5 {
			return nil, errNo
		}
		return nil, nil
	}}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), BatchSize: 3})
	caught(t, m)
	batches, taken := f.seen()
	mustBeInOrder(t, taken, 10)
	for _, b := range batches[:5] {
		if !slices.Equal(b, numbered("a", 0, 3)) {
			t.Errorf("batch %v while the first one fails", b)
		}
	}
	if st := m.Stats(); st.Failures != 4 || st.Delivered != 10 {
		t.Errorf("stats %+v", st)
	}
}

func TestBisectionFindsThePoison(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 16)...)
	var given given
	f := &function{answer: failIf("a:005")}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), BatchSize: 16, Bisect: true, Attempts: 2, OnFailure: &given})
	caught(t, m)
	_, taken := f.seen()
	mustBeInOrder(t, taken, 15)
	if st := m.Stats(); st.GivenUp != 1 || st.Failures != 6 { // 16, 8, 4, 2, 1, 1
		t.Errorf("stats %+v, want the one record given up after four cuts and two attempts", st)
	}
	if len(given.list) != 1 || given.list[0].Kinesis.Records != 1 {
		t.Errorf("given up: %+v", given.list)
	}
}

func TestTheLowestReportedItemIsTheCheckpoint(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 10)...)
	var calls atomic.Int64
	f := &function{answer: func(_ []string, e events.KinesisEvent) ([]byte, error) {
		if calls.Add(1) == 1 {
			return report(e, "a:007", "a:004"), nil
		}
		return []byte(`{"batchItemFailures":null}`), nil
	}}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), Report: true})
	caught(t, m)
	batches, _ := f.seen()
	want := [][]string{numbered("a", 0, 10), numbered("a", 4, 6)}
	if !slices.EqualFunc(batches, want, slices.Equal) {
		t.Errorf("batches %v, want %v", batches, want)
	}
	if st := m.Stats(); st.Delivered != 10 || st.Partial != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestAnUnusableIdentifierFailsTheWholeBatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer string
		whole  bool
	}{
		{`{"batchItemFailures":[{"itemIdentifier":""}]}`, true},
		{`{"batchItemFailures":[{"itemIdentifier":null}]}`, true},
		{`{"batchItemFailures":[{"id":"4959"}]}`, true},
		{`{"batchItemFailures":[{"itemIdentifier":"1"}]}`, true},
		{`{"batchItemFailures":[{"itemIdentifier":7}]}`, true},
		{`{"batchItemFailures":[]}`, false},
		{`{}`, false},
		{`null`, false},
		{``, false},
		{`"done"`, false},
		{`{"failures":[{"itemIdentifier":"1"}]}`, false},
	} {
		t.Run(c.answer, func(t *testing.T) {
			t.Parallel()
			s := newStream(t, 1)
			put(t, s, numbered("a", 0, 3)...)
			var calls atomic.Int64
			f := &function{answer: func([]string, events.KinesisEvent) ([]byte, error) {
				if calls.Add(1) == 1 {
					return []byte(c.answer), nil
				}
				return nil, nil
			}}
			m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), Report: true})
			caught(t, m)
			batches, _ := f.seen()
			if again := len(batches) == 2 && len(batches[1]) == 3; again != c.whole {
				t.Errorf("batches %v after %s, want the whole batch again: %v", batches, c.answer, c.whole)
			}
		})
	}
}

func TestRecordsThatAreTooOldAreNotDelivered(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 3)...)
	var given given
	f := &function{answer: failIf("a:001")}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), MaxAge: time.Second, OnFailure: &given})
	eventually(t, "the old batch is given up", func() bool { return m.Stats().GivenUp == 3 })
	put(t, s, "a:100")
	caught(t, m)
	_, taken := f.seen()
	if !slices.Equal(taken, []string{"a:100"}) {
		t.Errorf("taken %v, want only the young record", taken)
	}
	if c := given.list[0].RequestContext.Condition; c != "RecordAgeExceeded" {
		t.Errorf("condition %s", c)
	}
}

func TestThrottlingUsesNoAttempt(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 3)...)
	var calls atomic.Int64
	f := &function{answer: func([]string, events.KinesisEvent) ([]byte, error) {
		if calls.Add(1) < 4 {
			return nil, lambda.ErrThrottled
		}
		return nil, nil
	}}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), Attempts: 1})
	caught(t, m)
	if st := m.Stats(); st.Delivered != 3 || st.GivenUp != 0 || st.Invocations != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestParentsComeBeforeTheirChildren(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	var gate atomic.Bool // the parent is held up while its children fill
	f := &function{answer: func([]string, events.KinesisEvent) ([]byte, error) {
		if !gate.Load() {
			return nil, errNo
		}
		return nil, nil
	}}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), BatchSize: 10, Parallel: 2})
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	write := func(from int) {
		for i := range 20 {
			for _, k := range keys {
				put(t, s, fmt.Sprintf("%s:%03d", k, from+i))
			}
		}
	}
	write(0)
	if err := s.Split(t.Context(), "shardId-000000000000"); err != nil {
		t.Fatal(err)
	}
	write(20)
	if err := s.Merge(t.Context(), "shardId-000000000001", "shardId-000000000002"); err != nil {
		t.Fatal(err)
	}
	write(40)
	open, err := s.Open(t.Context())
	if err != nil || len(open) != 1 {
		t.Fatalf("open shards %v, %v", open, err)
	}
	gate.Store(true)
	caught(t, m)
	_, taken := f.seen()
	mustBeInOrder(t, taken, 60*len(keys))
	if used := slices.Compact(slices.Sorted(slices.Values(f.shards))); len(used) != 4 {
		t.Errorf("records came from shards %v, want the parent, both children and the merged one", used)
	}
}

// expiring lets every third read find its iterator expired.
type expiring struct {
	mapping.KinesisAPI
	reads, expired atomic.Int64
}

func (e *expiring) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, o ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	if e.reads.Add(1)%3 == 0 {
		e.expired.Add(1)
		return nil, &types.ExpiredIteratorException{}
	}
	return e.KinesisAPI.GetRecords(ctx, in, o...)
}

func TestAnExpiredIteratorIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 50)...)
	f := &function{}
	client := &expiring{KinesisAPI: s.Client}
	m, _ := start(t, mapping.Kinesis{Client: client, Stream: s.Name, Target: f.target(), BatchSize: 5})
	caught(t, m)
	put(t, s, numbered("a", 50, 50)...)
	caught(t, m)
	_, taken := f.seen()
	mustBeInOrder(t, taken, 100)
	if client.expired.Load() == 0 {
		t.Error("no iterator expired")
	}
}

func TestARunGoesOnWhereTheLastOneStopped(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 40)...)
	f := &function{}
	var m *mapping.KinesisMapping
	reached := make(chan struct{})
	var calls atomic.Int64
	hang := mapping.Func(func(ctx context.Context, payload []byte) ([]byte, error) {
		if calls.Add(1) == 3 {
			close(reached)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		res, err := f.target().Invoke(ctx, payload)
		return res.Payload, err
	})
	m, stop := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: hang, BatchSize: 5})
	<-reached
	stop()
	if _, taken := f.seen(); len(taken) != 10 {
		t.Fatalf("%d records taken before the stop, want 10", len(taken))
	}
	rerun(t, m.Run)
	caught(t, m)
	_, taken := f.seen()
	mustBeInOrder(t, taken, 40)
}

func TestLatestPassesOverWhatWasThere(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 5)...)
	f := &function{}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), Latest: true})
	caught(t, m)
	put(t, s, numbered("a", 5, 5)...)
	caught(t, m)
	if _, taken := f.seen(); !slices.Equal(taken, numbered("a", 5, 5)) {
		t.Errorf("taken %v", taken)
	}
}

func TestABatchComesAgainOnDemand(t *testing.T) {
	t.Parallel()
	s := newStream(t, 1)
	put(t, s, numbered("a", 0, 4)...)
	f := &function{}
	m, _ := start(t, mapping.Kinesis{Client: s.Client, Stream: s.Name, Target: f.target(), BatchSize: 2, Again: func(n int) bool { return n == 0 }})
	caught(t, m)
	batches, _ := f.seen()
	if got := fmt.Sprint(batches); got != "[[a:000 a:001] [a:000 a:001] [a:002 a:003]]" {
		t.Errorf("batches %s", got)
	}
}

func TestARefusedConfigurationSaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, cfg := range []mapping.Kinesis{{BatchSize: 10_001}, {Parallel: 11}, {Window: time.Hour}, {Attempts: -1}} {
		if _, err := mapping.NewKinesis(cfg); err == nil || !strings.Contains(err.Error(), "invalid") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
