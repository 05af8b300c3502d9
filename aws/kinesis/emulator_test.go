package kinesis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/streamtest"
)

// emulator is a kinesalite and a client of it.
type emulator struct {
	client  *sdk.Client
	streams int
}

func newEmulator(t *testing.T) *emulator {
	t.Helper()
	return &emulator{client: sdk.NewFromConfig(awslocal.Kinesalite(t, awslocal.KinesaliteOptions{}).Config())}
}

// create makes a stream and waits until it can be used.
func (e *emulator) create(t *testing.T, shards int) string {
	t.Helper()
	e.streams++
	name := fmt.Sprintf("events-%d", e.streams)
	if _, err := awslocal.CreateStream(t.Context(), e.client, name, shards); err != nil {
		t.Fatal(err)
	}
	return name
}

// topic is a stream as somebody sees it who may split it.
func (e *emulator) topic(name string) *awslocal.Stream {
	return &awslocal.Stream{Client: e.client, Name: name}
}

func (e *emulator) open(t *testing.T, name string) *kinesis.Stream {
	t.Helper()
	s, err := kinesis.New(e.client, kinesis.Options{Stream: name, ReadPause: -1, PollPause: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContractOverHTTP(t *testing.T) {
	e := newEmulator(t)
	var name string
	streamtest.Suite(t, streamtest.Subject{
		Open: func(t *testing.T) lake.Stream {
			name = e.create(t, 3)
			return e.open(t, name)
		},
		Reopen: func(t *testing.T, _ lake.Stream) lake.Stream { return e.open(t, name) },
		Split: func(t *testing.T, _ lake.Stream, shard lake.ShardID) {
			if err := e.topic(name).Split(t.Context(), string(shard)); err != nil {
				t.Fatal(err)
			}
		},
		MaxBody: 1<<20 - 1000,
	})
}

// A reader that finishes parents before their children, while shards are split
// and merged and somebody appends, sees every event once, and in every shard in
// the order in which they were sent.
func TestReshardsInMidStream(t *testing.T) {
	e := newEmulator(t)
	name := e.create(t, 2)
	writer, reader := e.open(t, name), e.open(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	const rounds, ids = 12, 40
	go func() {
		for round := range rounds {
			es := events(0, ids, 80)
			for i := range es {
				es[i].Body = fmt.Appendf(nil, `{"id":%d,"round":%d}`, i, round)
			}
			if err := writer.Append(ctx, es); err != nil {
				t.Error(err)
				cancel()
			}
			var err error
			switch round {
			case 2:
				err = e.topic(name).Split(ctx, "shardId-000000000000")
			case 5:
				err = e.topic(name).Merge(ctx, "shardId-000000000003", "shardId-000000000001")
			case 8:
				err = e.topic(name).Split(ctx, "shardId-000000000004")
			}
			if err != nil {
				t.Error(err)
				cancel()
			}
		}
	}()
	got := map[int][]int{}
	last := map[lake.ShardID]int{}
	total := 0
	done := map[lake.ShardID]bool{}
	at := map[lake.ShardID]lake.Position{}
	var b lake.Batch
	for total < rounds*ids && ctx.Err() == nil {
		list, err := reader.Shards(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range list {
			if done[sh.ID] || slices.ContainsFunc(sh.Parents, func(p lake.ShardID) bool { return !done[p] }) {
				continue
			}
			if err := reader.Read(ctx, sh.ID, at[sh.ID], 500, &b); err != nil {
				t.Fatal(err)
			}
			for _, r := range b.Records {
				var id, round int
				if _, err := fmt.Sscanf(string(r.Body), `{"id":%d,"round":%d}`, &id, &round); err != nil {
					t.Fatal(err)
				}
				if got[id] = append(got[id], round); round < last[sh.ID] {
					t.Errorf("%s: round %d after %d", sh.ID, round, last[sh.ID])
				}
				last[sh.ID] = round
				total++
			}
			at[sh.ID] = b.Span(at[sh.ID]).To
			if sh.Closed && len(b.Records) == 0 {
				if err := reader.Wait(ctx, sh.ID, at[sh.ID]); !errors.Is(err, lake.ErrEnded) {
					t.Fatalf("%s: %v", sh.ID, err)
				}
				done[sh.ID] = true
			}
		}
	}
	for id := range ids {
		if slices.Sort(got[id]); len(got[id]) != rounds || len(slices.Compact(got[id])) != rounds {
			t.Errorf("id %d came in rounds %d", id, got[id])
		}
	}
	if len(done) < 4 {
		t.Errorf("shards that ended: %v", done)
	}
}

func TestAStreamThatDoesNotExist(t *testing.T) {
	s := newEmulator(t).open(t, "nothing")
	if err := s.Append(t.Context(), events(0, 1, 10)); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("append: %v", err)
	}
	if _, err := s.Shards(t.Context()); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("shards: %v", err)
	}
	var b lake.Batch
	if err := s.Read(t.Context(), first, lake.Position{}, 1, &b); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
}
