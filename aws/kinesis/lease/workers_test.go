package lease_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// cloud is a stream in kinesalite, leases in moto, and a ledger that all workers
// share.
type cloud struct {
	client *sdk.Client
	stream *kinesis.Stream
	leases lease.Store
	ledger lake.Ledger
	store  *memory.Store
}

func newCloud(t *testing.T, shards int) *cloud {
	t.Helper()
	c := &cloud{client: sdk.NewFromConfig(awslocal.Kinesalite(t, awslocal.KinesaliteOptions{}).Config()),
		leases: lease.NewTable(table(t), "leases", "events"), ledger: memory.NewLedger(time.Hour), store: memory.NewStore()}
	if _, err := awslocal.CreateStream(t.Context(), c.client, "events", shards); err != nil {
		t.Fatal(err)
	}
	c.stream = c.open(t)
	return c
}

func (c *cloud) open(t *testing.T) *kinesis.Stream {
	t.Helper()
	s, err := kinesis.New(c.client, kinesis.Options{Stream: "events", ReadPause: 20 * time.Millisecond, PollPause: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// process is what lake worker does, in this process: a manager and a worker of
// the ingest stage for each shard that it gets.
func (c *cloud) process(t *testing.T, name string) *worker {
	t.Helper()
	stream := c.open(t)
	work := func(ctx context.Context, shard lake.ShardID) error {
		gz, err := raw.NewCompressor(c.store, 1)
		if err != nil {
			return err
		}
		how, err := transform.New(transform.DefaultMapping())
		if err != nil {
			return err
		}
		core := ingest.NewCore(shard, c.ledger, func(lake.SourceID) *transform.Transformer { return how },
			ingest.NewNames(ingest.Caps{Types: 10, Subtypes: 10}, nil), raw.NewWriter(gz, nil), gz, raw.NewMemory(1<<20))
		return ingest.NewWorker(core, stream, ingest.Options{FlushAge: 50 * time.Millisecond}).Run(ctx)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &worker{name: name, stop: cancel, done: make(chan error, 1), plug: &unplugged{Store: c.leases}}
	m := lease.NewManager(w.plug, stream, work, lease.Options{Worker: name, Expiry: 2 * time.Second, Renew: 250 * time.Millisecond})
	go func() { w.done <- m.Run(ctx) }()
	return w
}

// send appends events with ids of a range; every fifth of them twice.
func (c *cloud) send(t *testing.T, from, to int) {
	t.Helper()
	var events []lake.Event
	for n := from; n < to; n++ {
		body := fmt.Appendf(nil, `{"event_uuid":"%d","event_name":"a:b","created_at":1767225600}`, n)
		e := lake.Event{ID: xxh3.Hash128(body).Bytes(), Source: "shop", Received: lake.SystemClock(), Body: body}
		if events = append(events, e); n%5 == 0 {
			events = append(events, e)
		}
	}
	if err := c.stream.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// await waits until the books hold n unique events.
func (c *cloud) await(t *testing.T, n int64) (sum lake.Tally) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		j, err := c.ledger.Journal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sum = lake.Tally{}
		for _, b := range j.Books() {
			sum.Add(b)
		}
		if sum.Unique >= n && sum.Duplicate >= n/5 {
			return sum
		}
		if time.Now().After(deadline) {
			t.Fatalf("the books stop at %+v, want %d", sum, n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// held waits until the open leases have nobody but these owners, and a tip.
func (c *cloud) held(t *testing.T, owners ...string) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		leases, err := c.leases.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(leases, func(l lease.Lease) bool {
			return !l.Done && (!slices.Contains(owners, l.Owner) || l.Next != "" || l.Tip == (kinesis.Tip{}))
		}) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the leases stay %+v, wanted owners %v", leases, owners)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Processes share a stream; one dies, another one ends, a shard is split: every
// event is taken in once.
func TestProcessesShareAStream(t *testing.T) {
	c := newCloud(t, 3)
	a, b := c.process(t, "a"), c.process(t, "b")
	c.send(t, 0, 300)
	c.await(t, 300)

	var wg sync.WaitGroup
	wg.Go(func() {
		topic := awslocal.Stream{Client: c.client, Name: "events"}
		if err := topic.Split(t.Context(), "shardId-000000000001"); err != nil {
			t.Error(err)
		}
	})
	for n := 300; n < 600; n += 50 {
		c.send(t, n, n+50)
	}
	wg.Wait()
	a.plug.unplug() // a dies: it can neither renew nor give back
	for n := 600; n < 900; n += 50 {
		c.send(t, n, n+50)
	}
	c.held(t, "b")
	c.await(t, 900)
	third := c.process(t, "third")
	c.send(t, 900, 1000)
	c.await(t, 1000)
	b.end(t)
	c.held(t, "third")
	c.send(t, 1000, 1200)
	if sum := c.await(t, 1200); sum.Unique != 1200 || sum.Duplicate != 240 || sum.Quarantined != 0 {
		t.Errorf("%+v", sum)
	}
	third.end(t)
	a.end(t)
	leases, err := c.leases.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, l := range leases {
		if l.Done {
			done++
		}
		if l.Done != (l.Shard == "shardId-000000000001") {
			t.Errorf("%+v", l)
		}
	}
	if len(leases) != 5 || done != 1 {
		t.Errorf("%+v", leases)
	}
}
