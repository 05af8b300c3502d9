package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

// function is a target that notes what it is given and answers as told.
type function struct {
	answer func(bodies []string, e events.KinesisEvent) ([]byte, error) // nil succeeds

	mu      sync.Mutex
	batches [][]string // the bodies of every invocation
	sizes   []int      // and its bytes
	taken   []string   // bodies of successful invocations, in order
	shards  []string   // their shards
}

var errNo = errors.New("the function says no")

func (f *function) target() mapping.Target {
	return mapping.Func(func(_ context.Context, payload []byte) ([]byte, error) {
		var e events.KinesisEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		var bodies []string
		for _, r := range e.Records {
			bodies = append(bodies, string(r.Kinesis.Data))
		}
		f.mu.Lock()
		f.batches = append(f.batches, bodies)
		f.sizes = append(f.sizes, len(payload))
		f.mu.Unlock()
		var out []byte
		var err error
		if f.answer != nil {
			out, err = f.answer(bodies, e)
		}
		if err == nil && !strings.Contains(string(out), "itemIdentifier") {
			f.mu.Lock()
			f.taken = append(f.taken, bodies...)
			for _, r := range e.Records {
				shard, _, _ := strings.Cut(r.EventID, ":")
				f.shards = append(f.shards, shard)
			}
			f.mu.Unlock()
		}
		return out, err
	})
}

func (f *function) seen() (batches [][]string, taken []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.batches), slices.Clone(f.taken)
}

// failIf fails every invocation that has the body.
func failIf(body string) func([]string, events.KinesisEvent) ([]byte, error) {
	return func(bodies []string, _ events.KinesisEvent) ([]byte, error) {
		if slices.Contains(bodies, body) {
			return nil, errNo
		}
		return nil, nil
	}
}

// report names the records with these bodies as failed.
func report(e events.KinesisEvent, bodies ...string) []byte {
	var out events.KinesisEventResponse
	for _, r := range e.Records {
		if slices.Contains(bodies, string(r.Kinesis.Data)) {
			out.BatchItemFailures = append(out.BatchItemFailures, events.KinesisBatchItemFailure{ItemIdentifier: r.Kinesis.SequenceNumber})
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return b
}

// newStream makes a stream on a kinesalite of its own.
func newStream(t *testing.T, shards int) *awslocal.Stream {
	t.Helper()
	k := awslocal.Kinesalite(t, awslocal.KinesaliteOptions{})
	s, err := awslocal.CreateStream(t.Context(), kinesis.NewFromConfig(k.Config()), "events", shards)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put writes records whose partition key is what stands before the colon.
func put(t *testing.T, s *awslocal.Stream, bodies ...string) {
	t.Helper()
	for list := range slices.Chunk(bodies, 100) {
		in := &kinesis.PutRecordsInput{StreamName: &s.Name}
		for _, b := range list {
			key, _, _ := strings.Cut(b, ":")
			in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: []byte(b), PartitionKey: &key})
		}
		out, err := s.Client.PutRecords(t.Context(), in)
		if err != nil || aws.ToInt32(out.FailedRecordCount) > 0 {
			t.Fatalf("put: %v, %d failed", err, aws.ToInt32(out.FailedRecordCount))
		}
	}
}

// numbered returns "key:000" and so on.
func numbered(key string, from, n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%s:%03d", key, from+i))
	}
	return list
}

// start runs a mapping until stop is called or the test ends.
func start(t *testing.T, cfg mapping.Kinesis) (m *mapping.KinesisMapping, stop func()) {
	t.Helper()
	m, err := mapping.NewKinesis(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m, rerun(t, m.Run)
}

func rerun(t *testing.T, run func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// caught waits until the mapping has delivered everything.
func caught(t *testing.T, m interface{ Caught(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.Caught(ctx); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// mustBeInOrder checks that the bodies of every key come once and ascending.
func mustBeInOrder(t *testing.T, taken []string, want int) {
	t.Helper()
	last := map[string]string{}
	for _, b := range taken {
		key, _, _ := strings.Cut(b, ":")
		if last[key] >= b {
			t.Errorf("%s came after %s", b, last[key])
		}
		last[key] = b
	}
	if len(taken) != want {
		t.Errorf("%d records were taken, want %d", len(taken), want)
	}
}
