package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

var noon = lake.InstantOf(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))

// rig is a lake that took in a stream, and its audit.
type rig struct {
	t        *testing.T
	stream   *memory.Stream
	ledger   *memory.Ledger
	store    *memory.Store
	catalog  *memory.Catalog
	curator  *curate.Curator
	receipts *memory.Receipts
	handed   *ingest.Handed
	worker   *ingest.Worker
	config   audit.Config
	handler  *audit.Handler
	at       lake.Position
	n        int
}

const shard lake.ShardID = "shard-000"

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, stream: memory.NewStream(1), ledger: memory.NewLedger(time.Hour), store: memory.NewStore(), catalog: memory.NewCatalog(), receipts: memory.NewReceipts()}
	gz, err := raw.NewCompressor(r.store, 1)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	lines := raw.NewReader(r.store, nil)
	if r.curator, err = curate.New(curate.Config{Backlog: r.ledger, Store: r.store, Catalog: r.catalog, Lines: lines}); err != nil {
		t.Fatal(err)
	}
	core := func(s lake.ShardID) *ingest.Core {
		return ingest.NewCore(s, r.ledger, func(lake.SourceID) *transform.Transformer { return tr },
			ingest.NewNames(ingest.Caps{Types: 9, Subtypes: 9}, nil), raw.NewWriter(gz, nil), gz, raw.NewMemory(1<<20))
	}
	r.handed, r.worker = ingest.NewHanded(core, r.receipts), ingest.NewWorker(core(shard), r.stream, ingest.Options{})
	r.config = audit.Config{Receipts: r.receipts, Stream: r.stream, Probe: r.stream, Ledger: r.ledger, Store: r.store, Catalog: r.catalog, Lines: lines,
		Clock: func() lake.Instant { return noon.Add(3 * time.Hour) }}
	r.handler = audit.New(r.config)
	return r
}

// send stores events of the names at the time; a name of "" is no event.
func (r *rig) send(at lake.Instant, names ...string) {
	r.t.Helper()
	r.sendMade(at, noon, names...)
}

// sendMade is send for events that were made at another time.
func (r *rig) sendMade(at, made lake.Instant, names ...string) {
	r.t.Helper()
	var events []lake.Event
	for _, name := range names {
		body := fmt.Sprintf(`{"event_uuid":"%d","event_name":%q,"created_at":%d}`, r.n, name, int64(made)/1_000_000)
		if r.n++; name == "" {
			body = "nonsense"
		}
		events = append(events, lake.Event{Source: "web", Received: at, Body: []byte(body)})
	}
	if err := r.stream.Append(r.t.Context(), events); err != nil {
		r.t.Fatal(err)
	}
}

// batch reads what is new in the stream.
func (r *rig) batch() []lake.Record {
	r.t.Helper()
	var b lake.Batch
	if err := r.stream.Read(r.t.Context(), shard, r.at, 64<<20, &b); err != nil {
		r.t.Fatal(err)
	}
	r.at = b.Records[len(b.Records)-1].Position
	return b.Records
}

// take settles what is new in the stream, and makes tables of it.
func (r *rig) take() {
	r.t.Helper()
	batch := r.batch()
	if n, _, err := r.handed.Settle(r.t.Context(), shard, batch); err != nil || n != len(batch) {
		r.t.Fatal(n, err)
	}
	r.curate()
}

func (r *rig) curate() {
	r.t.Helper()
	r.register()
	if _, err := r.curator.Once(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// empty takes all rows out of a table.
func (r *rig) empty(name lake.TableName) {
	r.t.Helper()
	table, err := r.catalog.Table(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.catalog.Commit(r.t.Context(), lake.TableCommit{Table: name, Base: table.Snapshot, Schema: table.Schema,
		Remove: table.Files, Consumed: table.Consumed}); err != nil {
		r.t.Fatal(err)
	}
}

// register makes files of the ledger of all raw objects.
func (r *rig) register() {
	r.t.Helper()
	var objects []lake.Info
	for info, err := range r.store.List(r.t.Context(), "raw/") {
		if err != nil {
			r.t.Fatal(err)
		}
		info.Time = noon.Add(20 * time.Minute)
		objects = append(objects, info)
	}
	if _, err := arrivals.Register(r.t.Context(), r.ledger, objects); err != nil {
		r.t.Fatal(err)
	}
}

// scheduled is the audit as the schedule asks for it.
func (r *rig) scheduled(gap int64, problem string) audit.Report {
	r.t.Helper()
	report := r.ask(`{}`)
	if report.Gap != gap || report.Streamed != 0 || !strings.Contains(strings.Join(report.Problems, "\n"), problem) {
		r.t.Fatalf("%+v, want a gap of %d: %s", report, gap, problem)
	}
	return report
}

func (r *rig) audit() audit.Report { return r.ask(`{"stream":true}`) }

func (r *rig) ask(request string) audit.Report {
	r.t.Helper()
	out, err := r.handler.Invoke(r.t.Context(), []byte(request))
	if err != nil {
		r.t.Fatal(err)
	}
	var report audit.Report
	if err := json.Unmarshal(out, &report); err != nil {
		r.t.Fatal(err)
	}
	return report
}

func (r *rig) gap(want int64, problems ...string) audit.Report {
	r.t.Helper()
	report := r.audit()
	if report.Gap != want || len(report.Problems) != len(problems) {
		r.t.Fatalf("%+v, want a gap of %d", report, want)
	}
	for i, p := range problems {
		if !strings.Contains(report.Problems[i], p) {
			r.t.Fatalf("%q, want %q", report.Problems[i], p)
		}
	}
	return report
}

func TestBooksThatBalance(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x", "Payment-X:y", "", "account:x")
	r.take()
	r.n = 0
	r.send(noon.Add(10*time.Minute), "account:x") // a copy of the first
	r.send(noon.Add(61*time.Minute), "account:x") // of another hour
	r.take()
	report := r.gap(0)
	if report.From != noon || report.To != noon.Add(time.Hour) || report.Streamed == 0 {
		t.Fatalf("%+v", report)
	}
	var sum audit.Row
	for _, row := range report.Rows {
		sum.Add(row.Tally)
		sum.Raw += row.Raw
		sum.Table += row.Table
	}
	if sum.Unique != 3 || sum.Duplicate != 1 || sum.Quarantined != 1 || sum.Raw != 3 || sum.Table != 3 {
		t.Fatalf("%+v", report.Rows)
	}
}

// Workers write no receipts: their books are in the ledger.
func TestTheBooksOfWorkersBalance(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x", "", "account:x")
	r.send(noon.Add(61*time.Minute), "account:x") // of another hour
	if err := r.worker.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.curator.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sum audit.Row
	for _, row := range r.gap(0).Rows {
		sum.Add(row.Tally)
		sum.Raw += row.Raw
	}
	if sum.Unique != 2 || sum.Quarantined != 1 || sum.Raw != 2 {
		t.Fatalf("%+v", sum)
	}
}

func TestABatchThatIsDeliveredTwiceIsNoGap(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x", "account:x")
	batch := slices.Clone(r.batch())
	for _, cut := range []int{2, 1} { // whole, and once more in part
		if _, _, err := r.handed.Settle(t.Context(), shard, batch[:cut]); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.handed.Settle(t.Context(), shard, batch[1:]); err != nil {
		t.Fatal(err)
	}
	r.curate()
	if report := r.gap(0); report.Rows[0].Repeats != 2 || report.Rows[0].Unique != 2 {
		t.Fatalf("%+v", report.Rows)
	}
}

// The first half of a retry that is not over says less than the batch has said.
func TestABatchThatIsBeingDeliveredAgainIsNoGap(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x", "payment:x", "account:x")
	batch := slices.Clone(r.batch())
	for _, cut := range []int{3, 1} {
		if _, _, err := r.handed.Settle(t.Context(), shard, batch[:cut]); err != nil {
			t.Fatal(err)
		}
	}
	r.curate()
	r.gap(0)
}

func TestRecordsThatWerePassedOverAreAGap(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x")
	r.take()
	r.send(noon, "account:x", "account:x")
	r.batch() // nobody settles it
	r.send(noon, "account:x")
	r.take()
	r.gap(2, "2 records from 2 on have no receipt")
}

// TestTheScheduledAuditSeesWhereReceiptsDoNotTouch without reading the stream.
func TestTheScheduledAuditSeesWhereReceiptsDoNotTouch(t *testing.T) {
	r := newRig(t)
	scheduled := func(gap int64, seams int, problem string) {
		t.Helper()
		if report := r.scheduled(gap, problem); report.Seams != seams {
			t.Fatalf("%+v, want %d seams", report, seams)
		}
	}
	scheduled(0, 0, "")
	for range 2 {
		r.send(noon, "account:x")
		r.take()
	}
	scheduled(0, 1, "")
	r.send(noon, "account:x", "account:x")
	r.batch() // nobody settles it
	scheduled(1, 1, "nobody has taken in what it holds from 3 on")
	r.send(noon, "account:x")
	r.take()
	scheduled(1, 2, "records from 3 to before 5 have no receipt")
	r.send(noon.Add(2*time.Hour), "account:x") // too young to be missed
	scheduled(1, 2, "")
}

func TestAShardWithoutReceiptsIsNamed(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x")
	r.scheduled(1, "nobody has taken in what it holds from 1 on")
	if err := r.worker.Drain(t.Context()); err != nil { // workers write no receipts
		t.Fatal(err)
	}
	r.curate()
	r.scheduled(0, "")
}

func TestWhatIsSetAsideIsNamed(t *testing.T) {
	r := newRig(t)
	key := lake.Key("raw/event_type=account/event_subtype=x/year=2026/month=06/day=01/gone.gz")
	if _, err := arrivals.Register(t.Context(), r.ledger, []lake.Info{{Key: key, Bytes: 1, Time: noon}}); err != nil {
		t.Fatal(err)
	}
	if aside, err := arrivals.SetAside(t.Context(), r.ledger, r.store, r.catalog, noon); err != nil || len(aside) != 1 {
		t.Fatal(aside, err)
	}
	r.gap(0, string(key)+" is set aside: the object is gone")
}

func TestALostObjectIsNamed(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x", "account:x", "payment:x")
	r.take()
	for info, err := range r.store.List(t.Context(), "raw/event_type=account") {
		if err != nil || r.store.Delete(t.Context(), info.Key) != nil {
			t.Fatal(err)
		}
	}
	r.gap(2, "raw/event_type=account/event_subtype=x/year=2026/month=06/day=01/", "2 events are unique by the books, 0 are in raw")
}

func TestEventsThatAreNotInTheTableAreAGap(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x", "account:x")
	r.take()
	r.empty("account")
	r.gap(2, "table account lacks 2 events that are in raw")
}

// TestAStuckTableHidesNoGapOfAnother: the stuck one holds back the mark of what
// is curated for the whole shard.
func TestAStuckTableHidesNoGapOfAnother(t *testing.T) {
	r := newRig(t)
	r.send(noon, "payment:x")
	batch := r.batch()
	if _, _, err := r.handed.Settle(t.Context(), shard, batch); err != nil {
		t.Fatal(err)
	}
	var stuck lake.Info
	for info, err := range r.store.List(t.Context(), "raw/event_type=payment") {
		if err != nil {
			t.Fatal(err)
		}
		stuck = info
	}
	stuck.Time = noon + 1
	ahead := lake.Info{Key: "raw/event_type=payment/event_subtype=x/year=2026/month=06/day=01/absent.gz", Bytes: 1, Time: noon}
	if _, err := arrivals.Register(t.Context(), r.ledger, []lake.Info{ahead, stuck}); err != nil {
		t.Fatal(err)
	}
	r.send(noon, "account:x", "account:x")
	if _, _, err := r.handed.Settle(t.Context(), shard, r.batch()); err != nil {
		t.Fatal(err)
	}
	r.register()
	if _, err := r.curator.Once(t.Context()); !errors.Is(err, lake.ErrNotFound) {
		t.Fatal("payment is not stuck", err)
	}
	if report := r.gap(0, "absent.gz cannot be read"); report.InFlight != 2 {
		t.Fatalf("%+v", report)
	}
	r.empty("account")
	if report := r.gap(2, "table account lacks 2 events that are in raw", "absent.gz cannot be read"); report.InFlight != 2 {
		t.Fatalf("%+v", report)
	}
}

func TestHoursThatAreNoneAreRefused(t *testing.T) {
	r := newRig(t)
	for _, in := range []string{`x`, `{"from":"today"}`, `{"from":"2026-06-01T12:30:00Z"}`, `{"form":"2026-06-01T12:00:00Z"}`, `{"from":"2026-06-01T12:00:00Z","to":"2026-06-01T12:00:00Z"}`} {
		if _, err := r.handler.Invoke(t.Context(), []byte(in)); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: %v", in, err)
		}
	}
}
