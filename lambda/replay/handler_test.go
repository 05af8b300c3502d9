package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	"github.com/eventlake/lake/aws/event"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/memory"
	upkeep "github.com/eventlake/lake/lambda/curate"
	"github.com/eventlake/lake/lambda/replay"
	"github.com/eventlake/lake/raw"
	stage "github.com/eventlake/lake/replay"
	"github.com/eventlake/lake/transform"
)

var noon = lake.InstantOf(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))

// target notes what is published, and may run out of time.
type target struct {
	ids   []string
	quota int // events until the deadline comes; negative: never
}

func (g *target) Publish(_ context.Context, events []lake.Event) error {
	for _, e := range events {
		if g.quota == 0 {
			return context.DeadlineExceeded
		}
		g.quota--
		g.ids = append(g.ids, e.ID.String())
	}
	return nil
}

// counted is a store that counts how often all of raw is listed.
type counted struct {
	*memory.Store
	lists int
}

func (c *counted) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	if prefix == raw.Root {
		c.lists++
	}
	return c.Store.List(ctx, prefix)
}

// rig is a lake of raw objects and its replay.
type rig struct {
	t       *testing.T
	ledger  *memory.Ledger
	store   *counted
	catalog lake.Catalog
	dropped *dropping
	gzip    *raw.Compressor
	curator *curate.Curator
	target  *target
	batches [][]byte
	refuse  bool
	again   []replay.Request
	handler *replay.Handler
	stream  *memory.Stream
	objects int

	receipts *memory.Receipts
	// beforeSwap is called when a rebuild has been built.
	beforeSwap func()
	shares     []float64              // of the stream, that were asked for
	rules      *transform.Transformer // that ingest has today
}

// dropping is a catalog that loses a table: the next one of that name is in its
// place.
type dropping struct {
	lake.Catalog
	name lake.TableName // that is dropped, or ""
	next *memory.Catalog
}

func (d *dropping) of(name lake.TableName) lake.Catalog {
	if d.name != "" && name == d.name {
		return d.next
	}
	return d.Catalog
}

func (d *dropping) Tables(ctx context.Context) ([]lake.TableName, error) {
	if d.name == "" {
		return d.Catalog.Tables(ctx)
	}
	old, err := d.Catalog.Tables(ctx)
	if err != nil {
		return nil, err
	}
	next, err := d.next.Tables(ctx)
	return append(slices.DeleteFunc(old, func(t lake.TableName) bool { return t == d.name }), next...), err
}

func (d *dropping) Table(ctx context.Context, name lake.TableName) (lake.Table, error) {
	return d.of(name).Table(ctx, name)
}

func (d *dropping) Commit(ctx context.Context, c lake.TableCommit) (lake.Table, error) {
	return d.of(c.Table).Commit(ctx, c)
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, ledger: memory.NewLedger(time.Hour), store: &counted{Store: memory.NewStore()}, target: &target{quota: -1}, stream: memory.NewStream(1), receipts: memory.NewReceipts()}
	r.dropped = &dropping{Catalog: memory.NewCatalog(), next: memory.NewCatalog()}
	r.catalog = r.dropped
	var err error
	if r.gzip, err = raw.NewCompressor(r.store, 1); err != nil {
		t.Fatal(err)
	}
	lines := raw.NewReader(r.store, nil)
	if r.curator, err = curate.New(curate.Config{Backlog: r.ledger, Store: r.store, Catalog: r.catalog, Lines: lines}); err != nil {
		t.Fatal(err)
	}
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	r.rules = tr
	names := ingest.NewSharedNames(ingest.Caps{Types: 9, Subtypes: 9}, &memory.Names{})
	handed := ingest.NewHanded(func(shard lake.ShardID) *ingest.Core {
		return ingest.NewCore(shard, r.ledger, func(lake.SourceID) *transform.Transformer { return tr },
			names, raw.NewWriter(r.gzip, nil), r.gzip, raw.NewMemory(1<<20))
	}, r.receipts)
	r.handler = replay.New(replay.Config{
		Ledger: r.ledger, Store: r.store, Lines: lines, Target: func(share float64) (stage.Target, error) { r.shares = append(r.shares, share); return r.target, nil },
		Rules: func(lake.SourceID) *transform.Transformer { return r.rules },
		Rebuilder: &stage.Rebuilder{Catalog: r.catalog, Exclusive: func(ctx context.Context, name lake.TableName) (func(), error) {
			if r.beforeSwap != nil {
				r.beforeSwap()
			}
			return r.curator.Exclusive(ctx, name)
		},
			Build: curate.BuildConfig{Store: r.store, Lines: lines}},
		Drain: &replay.Drain{Store: r.store, Prefix: "failed/lambda/", Misplaced: "failed/firehose/", Bucket: "lake", Stream: r.stream, Handed: handed, Settled: r.receipts, Direct: raw.NewWriter(r.gzip, nil),
			Sources: func(lake.SourceID) *transform.Transformer { return tr }, Names: names, Log: slog.New(slog.DiscardHandler),
			Batch: func(_ context.Context, payload []byte) (event.Failures, error) {
				if r.refuse {
					return event.Failures{"17"}, nil
				}
				r.batches = append(r.batches, payload)
				return nil, nil
			}},
		Again: func(_ context.Context, q replay.Request) error { r.again = append(r.again, q); return nil },
	})
	return r
}

func id(n uint64) lake.ID { return lake.ID{0: byte(n), 15: 1} }

// deliver writes one object of events, registers it and takes it in.
func (r *rig) deliver(kind string, day int, positions ...uint64) {
	r.t.Helper()
	r.register(kind, day, positions...)
	if _, err := r.curator.Once(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// register writes one object of events, which is old, and registers it.
func (r *rig) register(kind string, day int, positions ...uint64) {
	r.t.Helper()
	created := noon + lake.Instant(time.Duration(day)*24*time.Hour/time.Microsecond)
	var lines []byte
	for _, n := range positions {
		lines = raw.Append(lines, fmt.Appendf(nil, `{"event_uuid":"%d","n":%d}`, n, n), &raw.Fields{
			ID: id(n), Type: []byte(kind), Subtype: []byte("x"), Created: created, Source: "web",
			Shard: "shardId-0", Position: lake.Pos(n), Received: created,
		})
	}
	r.file(lake.Partition{Name: lake.Name{Type: kind, Subtype: "x"}, Day: created.Day()}, lines)
}

// file writes an object of lines and registers it.
func (r *rig) file(p lake.Partition, lines []byte) {
	r.t.Helper()
	r.objects++
	key := lake.Key(fmt.Sprintf("raw/%s/delivery-1-%03d.gz", p.Dir(), r.objects))
	info, err := r.gzip.Create(r.t.Context(), key, lines)
	if err != nil {
		r.t.Fatal(err)
	}
	info.Time = noon + lake.Instant(r.objects)
	if _, err := arrivals.Register(r.t.Context(), r.ledger, []lake.Info{info}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) invoke(request string) replay.Report {
	r.t.Helper()
	out, err := r.handler.Invoke(r.t.Context(), []byte(request))
	if err != nil {
		r.t.Fatal(err)
	}
	var report replay.Report
	if err := json.Unmarshal(out, &report); err != nil {
		r.t.Fatalf("%s: %v", out, err)
	}
	return report
}

func (r *rig) published(want ...uint64) {
	r.t.Helper()
	var ids []string
	for _, n := range want {
		ids = append(ids, id(n).String())
	}
	if !slices.Equal(r.target.ids, ids) {
		r.t.Fatalf("published %v, want %v", r.target.ids, ids)
	}
}

func TestEventsAreSentAgainWithTheirIDs(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 0, 1, 2)
	r.deliver("payment", 0, 3)
	r.deliver("account", 1, 4)
	report := r.invoke(`{"target":"stream","types":["account"],"from":"2026-06-01","to":"2026-06-02"}`)
	r.published(1, 2)
	if !report.Finished || report.Published.Events != 2 || report.Published.Files != 1 {
		t.Fatalf("%+v", report)
	}
}

func TestWhatDoesNotFitIsHandedOnAndDoneOnce(t *testing.T) {
	r := newRig(t)
	for n := range uint64(4) {
		r.deliver("account", 0, n+1)
	}
	r.target.quota = 2
	first := r.invoke(`{"target":"stream"}`)
	if first.Finished || len(r.again) != 1 || r.again[0].Cursor != first.Cursor || r.again[0].Calls != 1 {
		t.Fatalf("%+v, again %+v", first, r.again)
	}
	r.target.quota = -1
	rest, err := json.Marshal(r.again[0])
	if err != nil {
		t.Fatal(err)
	}
	if last := r.invoke(string(rest)); !last.Finished {
		t.Fatalf("%+v", last)
	}
	r.published(1, 2, 3, 4)
}

// TestAReplayThatComesNoFurtherEnds: what does not fit into a call would be begun
// again for ever.
func TestAReplayThatComesNoFurtherEnds(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 0, 1)
	request := []byte(`{"target":"stream"}`)
	for calls := 1; ; calls++ {
		r.target.quota = 0
		out, err := r.handler.Invoke(t.Context(), request)
		if errors.Is(err, lake.ErrLimit) && lake.Hint(err) != "" {
			if calls != 4 {
				t.Errorf("it ends at call %d", calls)
			}
			break
		}
		if err != nil || calls > 4 {
			t.Fatalf("call %d: %s %v", calls, out, err)
		}
		if request, err = json.Marshal(r.again[len(r.again)-1]); err != nil {
			t.Fatal(err)
		}
	}
	// One that gets on in between has all its calls before it.
	next := r.again[len(r.again)-2]
	r.target.quota = 1
	r.deliver("account", 0, 2)
	text, err := json.Marshal(next)
	if err != nil {
		t.Fatal(err)
	}
	if report := r.invoke(string(text)); report.Finished || r.again[len(r.again)-1].Idle != 0 {
		t.Errorf("%+v, handed on %+v", report, r.again[len(r.again)-1])
	}
}

// TestALargeFileIsGoneOnWithInside: at a slow pace one may take several calls.
func TestALargeFileIsGoneOnWithInside(t *testing.T) {
	r := newRig(t)
	var numbers []uint64
	for n := range uint64(4500) {
		numbers = append(numbers, n)
	}
	r.deliver("account", 0, numbers...)
	r.deliver("account", 0, 1)
	request, calls := []byte(`{"target":"stream","share":0.25}`), 0
	for published := int64(0); ; calls++ {
		r.target.quota = 2000 // two batches
		report := r.invoke(string(request))
		if published += report.Published.Events; report.Finished {
			if published != 4501 {
				t.Errorf("%d events are said to be published", published)
			}
			break
		}
		var err error
		if request, err = json.Marshal(r.again[len(r.again)-1]); err != nil || calls > 3 {
			t.Fatal(err, report)
		}
	}
	r.published(append(numbers, 1)...)
	if calls != 2 || !slices.Equal(r.shares, []float64{0.25, 0.25, 0.25}) {
		t.Errorf("%d more calls with shares %v", calls, r.shares)
	}
}

func TestHalfOfTheStreamIsTakenUnlessMoreIsAskedFor(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 0, 1)
	r.invoke(`{"target":"stream"}`)
	r.invoke(`{"target":"stream","share":1}`)
	if !slices.Equal(r.shares, []float64{replay.DefaultShare, 1}) || replay.DefaultShare != 0.5 {
		t.Errorf("shares %v", r.shares)
	}
}

func TestADryRunPublishesNothing(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 0, 1, 2)
	report := r.invoke(`{"target":"stream","dry_run":true}`)
	r.published()
	if report.Published.Files != 1 || report.Published.Bytes == 0 {
		t.Fatalf("%+v", report)
	}
}

func (r *rig) table(name lake.TableName) lake.Table {
	r.t.Helper()
	table, err := r.catalog.Table(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return table
}

func rows(table lake.Table) (n int64) {
	for _, f := range table.Files {
		n += f.Rows
	}
	return n
}

func TestDaysAreRebuiltFromRaw(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 0, 1, 2)
	r.deliver("account", 1, 3)
	r.deliver("payment", 0, 4)
	before := r.table("account")
	_, err := r.catalog.Commit(t.Context(), lake.TableCommit{ // a day is lost
		Table: "account", Base: before.Snapshot, Schema: before.Schema, Remove: before.Files[:1], Consumed: before.Consumed})
	if err != nil {
		t.Fatal(err)
	}
	dry := r.invoke(`{"target":"rebuild","types":["account"],"dry_run":true}`)
	if len(dry.Rebuilt) != 2 || rows(r.table("account")) == 3 {
		t.Fatalf("%+v", dry)
	}
	for range 2 { // a replay that is started twice changes nothing
		report := r.invoke(`{"target":"rebuild","types":["account"]}`)
		if !report.Finished || len(report.Rebuilt) != 2 || rows(r.table("account")) != 3 || rows(r.table("payment")) != 1 {
			t.Fatalf("%+v, %d rows", report, rows(r.table("account")))
		}
	}
	r.deliver("account", 0, 2, 5)
	if n := rows(r.table("account")); n != 4 {
		t.Fatalf("%d rows after a rebuild and one new event", n)
	}
}

// TestATableThatWasDroppedIsMadeAgain with what the ledger has forgotten, what
// it names, and what comes later.
func TestATableThatWasDroppedIsMadeAgain(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 0, 1, 2)
	r.deliver("payment", 0, 3)
	curated, err := r.ledger.Curated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := arrivals.Forget(t.Context(), r.ledger, curated, noon.Add(3*arrivals.Window)); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	r.deliver("account", 1, 4)
	r.dropped.name = "account"
	if dry := r.invoke(`{"target":"rebuild","types":["account"],"dry_run":true}`); len(dry.Rebuilt) != 2 || dry.Rebuilt[0].RawFiles != 1 {
		t.Fatalf("%+v", dry)
	}
	if _, err := r.dropped.Table(t.Context(), "account"); !errors.Is(err, lake.ErrNotFound) {
		t.Fatal("a dry run has made the table", err)
	}
	for range 2 {
		if report := r.invoke(`{"target":"rebuild","types":["account"]}`); !report.Finished || len(report.Rebuilt) != 2 {
			t.Fatalf("%+v", report)
		}
		if n := rows(r.table("account")); n != 3 {
			t.Fatalf("%d rows", n)
		}
	}
	r.deliver("account", 1, 4, 5)
	if n := rows(r.table("account")); n != 4 {
		t.Fatalf("%d rows after one new event", n)
	}
}

// TestALateArrivalOutlivesARebuild: one that was registered long after it was
// written, is taken in while the rebuild is built, and would be forgotten for its
// age before the swap.
func TestALateArrivalOutlivesARebuild(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 0, 1, 2)
	r.register("account", 0, 3)
	late := lake.SystemClock().Add(3 * arrivals.Window) // too late to be looked for
	h := upkeep.New(upkeep.Config{Ledger: r.ledger, Store: r.store, Catalog: r.catalog, Curator: r.curator, Bucket: "lake", Keep: time.Hour,
		Clock: func() lake.Instant { late = late.Add(time.Minute); return late }})
	r.beforeSwap = func() {
		r.beforeSwap = nil
		for range 2 {
			if _, err := h.Invoke(t.Context(), []byte(`{"task":"upkeep"}`)); err != nil {
				t.Error(err)
			}
		}
		if n := rows(r.table("account")); n != 3 {
			t.Errorf("%d rows when the late one was taken in", n)
		}
	}
	report := r.invoke(`{"target":"rebuild","types":["account"],"force":true}`)
	if r.beforeSwap != nil || len(report.Rebuilt) != 1 || !report.Rebuilt[0].Swapped {
		t.Fatalf("%+v", report)
	}
	if n := rows(r.table("account")); n != 3 {
		t.Fatalf("%d rows after the rebuild", n)
	}
}

func TestTypesThatNobodyHasAreNotFound(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 0, 1)
	for _, target := range []string{"rebuild", "stream"} {
		_, err := r.handler.Invoke(t.Context(), []byte(`{"target":"`+target+`","types":["account","acount"]}`))
		if !errors.Is(err, lake.ErrNotFound) || lake.Hint(err) != "there are: account" {
			t.Errorf("%s: %v (%s)", target, err, lake.Hint(err))
		}
	}
}

// TestTheBucketIsListedOnceACall and again at the next, which sees what has
// come meanwhile.
func TestTheBucketIsListedOnceACall(t *testing.T) {
	r := newRig(t)
	for day := range 3 {
		r.deliver("account", day, uint64(2*day+1))
		r.deliver("payment", day, uint64(2*day+2))
	}
	for _, request := range []string{`{"target":"rebuild"}`, `{"target":"stream"}`, `{"target":"rebuild","dry_run":true}`} {
		before := r.store.lists
		if report := r.invoke(request); !report.Finished || r.store.lists != before+1 {
			t.Errorf("%s: %d listings, %+v", request, r.store.lists-before, report)
		}
	}
	r.published(1, 2, 3, 4, 5, 6)
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	r := newRig(t)
	for _, in := range []string{``, `{}`, `{"target":"everything"}`, `{"target":"stream","from":"yesterday"}`,
		`{"target":"stream","from":"2026-06-02","to":"2026-06-01"}`, `{"target":"rebuild","from":"2026-06-01T12:00:00Z"}`,
		`{"target":"rebuild","sources":["web"]}`, `{"target":"stream","cursor":"x"}`, `{"target":"stream","cursor":"1+0 raw/x"}`,
		`{"target":"stream","cursor":"1+x raw/x"}`, `{"target":"stream","share":1.5}`, `{"target":"stream","share":-0.5}`,
		`{"target":"stream","share":0.001}`, `{"target":"rebuild","share":0.5}`, `{"target":"drain","share":0.5}`, `{"target":"stream","form":"2026-06-01"}`} {
		if _, err := r.handler.Invoke(t.Context(), []byte(in)); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, err := r.handler.Invoke(t.Context(), []byte(`{"target":"stream","calls":1000}`)); !errors.Is(err, lake.ErrLimit) {
		t.Errorf("it goes on for ever: %v", err)
	}
}
