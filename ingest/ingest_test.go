package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

const received = lake.Instant(1_767_225_600_123_456)

// rig is the ingest stage over parts in memory.
type rig struct {
	stream *memory.Stream
	ledger lake.Ledger
	store  *memory.Store
	names  *ingest.Names
}

func newRig() *rig {
	return &rig{memory.NewStream(1), memory.NewLedger(time.Hour), memory.NewStore(), ingest.NewNames(ingest.Caps{Types: 3, Subtypes: 2}, nil)}
}

func sources(lake.SourceID) *transform.Transformer {
	t, err := transform.New(transform.DefaultMapping())
	if err != nil {
		panic(err)
	}
	return t
}

func (r *rig) core(t testing.TB, shard lake.ShardID) *ingest.Core {
	t.Helper()
	gz, err := raw.NewCompressor(r.store, 1)
	if err != nil {
		t.Fatal(err)
	}
	return ingest.NewCore(shard, r.ledger, sources, r.names, raw.NewWriter(gz, nil), gz, raw.NewMemory(1<<20))
}

func (r *rig) worker(t testing.TB, o ingest.Options) *ingest.Worker {
	t.Helper()
	shards, err := r.stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ingest.NewWorker(r.core(t, shards[0].ID), r.stream, o)
}

func records(bodies ...string) []lake.Record {
	out := make([]lake.Record, len(bodies))
	for i, b := range bodies {
		out[i] = lake.Record{Position: lake.Pos(uint64(i + 1)), Event: lake.Event{Source: "shop", Received: received, Body: []byte(b)}}
	}
	return out
}

func event(id, name string) string {
	return fmt.Sprintf(`{"event_uuid":%q,"event_name":%q,"created_at":1767225600}`, id, name)
}

func TestEveryRecordGetsItsVerdict(t *testing.T) {
	r := newRig()
	core := r.core(t, "shard-000")
	batch := records(event("1", "a:b"), event("1", "a:b"), `{"broken`, event("2", "a:b"),
		`{"event_name":"a:b", "created_at":1767225600, "event_uuid":"1"}`, `{"event_uuid":"1","event_name":"a:b","created_at":1767225600,"other":1}`, `{}`)
	got, err := core.Take(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	want := []lake.Verdict{lake.Unique, lake.Duplicate, lake.Quarantined, lake.Unique, lake.Duplicate, lake.Quarantined, lake.Quarantined}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	commit, err := core.Flush(t.Context(), lake.Span{To: lake.Pos(7)})
	if err != nil {
		t.Fatal(err)
	}
	var sum lake.Tally
	for _, b := range commit.Books {
		sum.Add(b)
	}
	if sum.Unique != 2 || sum.Duplicate != 2 || sum.Quarantined != 3 || sum.Total() != int64(len(batch)) {
		t.Errorf("%+v", commit.Books)
	}
	reasons := map[lake.Reason]int{}
	for _, f := range commit.Add {
		if f.Kind != lake.KindQuarantine {
			continue
		}
		for e, err := range quarantine.Entries(t.Context(), raw.NewReader(r.store, nil), f) {
			if err != nil {
				t.Fatal(err)
			}
			reasons[e.Reason]++
			if e.Reason == lake.ReasonMalformed && string(e.Content()) != `{"broken` {
				t.Errorf("body became %q", e.Content())
			}
		}
	}
	if reasons[lake.ReasonMalformed] != 1 || reasons[lake.ReasonConflict] != 1 || len(reasons) != 3 {
		t.Errorf("%v", reasons)
	}
}

// A name with an escape is read into the scanner's memory, not found in the body.
func TestNamesWithEscapesStayWithTheirEvents(t *testing.T) {
	r := newRig()
	r.names = ingest.NewNames(ingest.Caps{Types: 10, Subtypes: 10}, nil)
	core := r.core(t, "shard-000")
	want := []string{"abc:one", "def:two", "ghi:three", "a/b:x", "c/d:y", "jkl:four"}
	var bodies []string
	for i, name := range []string{`\u0061bc:one`, `d\u0065f:t\u0077o`, `ghi:\u0074hree`, `a\/b:x`, `c\/d:y`, `jkl:four`} {
		bodies = append(bodies, fmt.Sprintf(`{"event_uuid":"%d","event_name":"%s","created_at":1767225600}`, i, name))
	}
	if _, err := core.Take(t.Context(), records(bodies...)); err != nil {
		t.Fatal(err)
	}
	commit, err := core.Flush(t.Context(), lake.Span{To: lake.Pos(uint64(len(bodies)))})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(want))
	for _, line := range r.lines(t, commit) {
		var e struct {
			N       int    `json:"event_uuid,string"`
			Type    string `json:"event_type"`
			Subtype string `json:"event_subtype"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		got[e.N] = e.Type + ":" + e.Subtype
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// lines are those of the commit's raw files.
func (r *rig) lines(t testing.TB, commit lake.Commit) (out []string) {
	t.Helper()
	for _, f := range commit.Add {
		if f.Kind != lake.KindRaw {
			continue
		}
		err := raw.NewReader(r.store, nil).EachLine(t.Context(), f, func(line []byte) error {
			out = append(out, string(line))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// What collect found in an event makes the same of it as the event itself; what
// others found, under rules that have changed since, is not believed.
func TestGistsChangeNothing(t *testing.T) {
	bodies := []string{
		event("1", "a:b"), event("1", "a:b"), `{"event_name":"a:b","created_at":1767225600}`, `{"broken`, `{"event_uuid":"2","event_name":"\u0061:c","created_at":1767225600}`,
		`{"event_uuid":"1","event_name":"a:b","created_at":1767225600,"other":1}`, `{"event_uuid":"3","event_name":"a:b","created_at":1767225601,"source":"x"}`,
	}
	rules := sources("")
	var want lake.Commit
	var lines []string
	for name, by := range map[string]*transform.Transformer{"the same rules": rules, "others": sources("")} {
		r := newRig()
		gz, err := raw.NewCompressor(r.store, 1)
		if err != nil {
			t.Fatal(err)
		}
		core := ingest.NewCore("shard-000", r.ledger, func(lake.SourceID) *transform.Transformer { return rules }, r.names, raw.NewWriter(gz, nil), gz, raw.NewMemory(1<<20))
		batch := records(bodies...)
		for i := range batch {
			var row transform.Row
			if by.Scanner().Scan("shop", batch[i].Body, received, &row) == nil {
				batch[i].ID, batch[i].Gist = row.ID, row.Gist()
			}
		}
		if _, err := core.Take(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		commit, err := core.Flush(t.Context(), lake.Span{To: lake.Pos(uint64(len(bodies)))})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.lines(t, commit); lines == nil {
			want, lines = commit, got
		} else if !slices.Equal(got, lines) || !reflect.DeepEqual(commit, want) {
			t.Errorf("%s: %q\n%+v, want %q\n%+v", name, got, commit, lines, want)
		}
	}
	if len(lines) != 4 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

func TestNamesBeyondTheCapsGoToOther(t *testing.T) {
	r := newRig()
	core := r.core(t, "shard-000")
	var bodies []string
	for i, name := range []string{"a:1", "a:2", "a:3", "b:1", "c:1", "d:1", "e:9", "a:1"} {
		bodies = append(bodies, event(fmt.Sprint(i), name))
	}
	if _, err := core.Take(t.Context(), records(bodies...)); err != nil {
		t.Fatal(err)
	}
	commit, err := core.Flush(t.Context(), lake.Span{To: lake.Pos(8)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range commit.Add {
		got = append(got, fmt.Sprintf("%s:%s=%d", f.Partition.Type, f.Partition.Subtype, f.Events))
	}
	if want := "a:1=2 a:2=1 a:other=1 b:1=1 c:1=1 other:other=2"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	// A new process that knows the names from the ledger decides alike.
	again := ingest.NewNames(ingest.Caps{Types: 3, Subtypes: 2}, commit.Types)
	for name, want := range map[lake.Name]lake.Name{
		{Type: "d", Subtype: "1"}: {Type: "other", Subtype: "other"}, {Type: "a", Subtype: "3"}: {Type: "a", Subtype: "other"}, {Type: "b", Subtype: "1"}: {Type: "b", Subtype: "1"},
	} {
		if got := again.Admit(name); got != want {
			t.Errorf("%v: %v after a restart, want %v", name, got, want)
		}
	}
}

func (r *rig) append(t testing.TB, bodies ...string) {
	t.Helper()
	var events []lake.Event
	for _, rec := range records(bodies...) {
		events = append(events, rec.Event)
	}
	if err := r.stream.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) books(t testing.TB) (sum lake.Tally) {
	t.Helper()
	j, err := r.ledger.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range j.Books() {
		sum.Add(b)
	}
	return sum
}

func TestWorkerCommitsWhatWaitsWhenItIsStopped(t *testing.T) {
	r := newRig()
	committed := make(chan lake.Commit, 10)
	w := r.worker(t, ingest.Options{FlushAge: time.Hour, Committed: func(c lake.Commit) { committed <- c }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	r.append(t, event("1", "a:b"), event("2", "a:b"))
	// Nothing is due for an hour; the end of the context makes it due. What was
	// not taken yet stays in the stream, so the sum counts either way.
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := r.worker(t, ingest.Options{}).Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sum := r.books(t); sum.Unique != 2 || sum.Total() != 2 {
		t.Errorf("%+v", sum)
	}
}

func TestWorkerFlushesByAge(t *testing.T) {
	r := newRig()
	committed := make(chan lake.Commit, 10)
	w := r.worker(t, ingest.Options{FlushAge: time.Millisecond, Committed: func(c lake.Commit) { committed <- c }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	r.append(t, event("1", "a:b"))
	if c := <-committed; len(c.Add) != 1 {
		t.Errorf("%+v", c)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A worker that lost its shard to another one can do no harm: its commit is
// stale and it goes back to the commit point.
func TestZombieWorkerLosesAtTheCommit(t *testing.T) {
	r := newRig()
	r.append(t, event("1", "a:b"), event("2", "a:b"))
	zombie, heir := r.worker(t, ingest.Options{FlushAge: time.Hour}), r.worker(t, ingest.Options{})
	if _, err := zombie.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := heir.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.append(t, event("3", "a:b"))
	if err := zombie.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sum := r.books(t); sum.Unique != 3 || sum.Total() != 3 {
		t.Errorf("%+v", sum)
	}
}

// A failed flush or commit must leave no piece of its span in the next one.
func TestNothingOfAFailedSpanIsLeftBehind(t *testing.T) {
	for call := 1; ; call++ {
		r := newRig()
		r.append(t, event("1", "a:b"), `{"broken`, event("2", "c:d"))
		gate := fault.NewGate(fault.Plan{Call: call, Side: fault.After})
		full := r.ledger.(fault.FullLedger)
		r.ledger = fault.Ledger(gate, full)
		w := r.worker(t, ingest.Options{})
		err := w.Drain(t.Context())
		if gate.Fired() == "" {
			if call < 3 {
				t.Fatalf("only %d calls", call)
			}
			return
		}
		if !errors.Is(err, fault.ErrInjected) {
			t.Fatalf("%s: %v", gate.Fired(), err)
		}
		if err := w.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sum := r.books(t); sum.Unique != 2 || sum.Quarantined != 1 || sum.Total() != 3 {
			t.Errorf("after %s: %+v", gate.Fired(), sum)
		}
	}
}

// BenchmarkTake is what ingest does for an event until its file is written, over
// the ledger on disk.
func BenchmarkTake(b *testing.B) {
	led, err := ledger.Open(b.Context(), disk.OS{}, b.TempDir(), ledger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := led.Close(); err != nil {
			b.Error(err)
		}
	})
	r := newRig()
	r.ledger = led
	core := r.core(b, "shard-000")
	body := strings.Repeat("x", 380)
	batch := make([]lake.Record, 1000)
	n, committed := 0, lake.Position{}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if core.Bytes() > 8<<20 {
			commit, err := core.Flush(b.Context(), lake.Span{After: committed, To: lake.Pos(uint64(n))})
			if err != nil {
				b.Fatal(err)
			}
			for _, f := range commit.Add {
				if err := r.store.Delete(b.Context(), f.Key); err != nil {
					b.Fatal(err)
				}
			}
			if err := led.Commit(b.Context(), commit); err != nil {
				b.Fatal(err)
			}
			committed = commit.Span.To
		}
		for i := range batch {
			n++
			batch[i] = lake.Record{Position: lake.Pos(uint64(n)), Event: lake.Event{Source: "shop", Received: received,
				Body: fmt.Appendf(batch[i].Body[:0], `{"event_uuid":"%d","event_name":"a:b","created_at":1767225600,"pad":"%s"}`, n, body)}}
		}
		b.StartTimer()
		if _, err := core.Take(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/event")
}
