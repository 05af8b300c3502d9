package curate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	stage "github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/lambda/curate"
	"github.com/eventlake/lake/raw"
)

const bucket = "lake-dev"

// rig is a bucket that a delivery service writes to, and the Lambda behind it.
type rig struct {
	t       *testing.T
	ledger  *memory.Ledger
	store   *memory.Store
	catalog *memory.Catalog
	gzip    *raw.Compressor
	handler *curate.Handler
	reports []curate.Report
	objects int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, memory.NewStore(), nil)
}

// newRigOn reads raw through another view of the store, if there is one.
func newRigOn(t *testing.T, store *memory.Store, view lake.Store) *rig {
	t.Helper()
	r := &rig{t: t, ledger: memory.NewLedger(time.Hour), store: store, catalog: memory.NewCatalog()}
	if view == nil {
		view = store
	}
	var err error
	if r.gzip, err = raw.NewCompressor(r.store, 1); err != nil {
		t.Fatal(err)
	}
	curator, err := stage.New(stage.Config{Backlog: r.ledger, Store: view, Catalog: r.catalog, Lines: raw.NewReader(view, nil)})
	if err != nil {
		t.Fatal(err)
	}
	r.handler = curate.New(curate.Config{
		Ledger: r.ledger, Store: view, Catalog: r.catalog, Curator: curator, Bucket: bucket, Keep: time.Hour,
		Done: func(rep curate.Report) { r.reports = append(r.reports, rep) },
	})
	return r
}

// deliver writes one object with the events of the positions and returns its
// notification.
func (r *rig) deliver(kind string, positions ...uint64) string {
	r.t.Helper()
	created := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	var lines []byte
	for _, n := range positions {
		lines = raw.Append(lines, fmt.Appendf(nil, `{"event_uuid":"%d","n":%d}`, n, n), &raw.Fields{
			ID: lake.ID{0: byte(n), 15: 1}, Type: []byte(kind), Subtype: []byte("x"), Created: lake.InstantOf(created), Source: "web",
			Shard: "shardId-000000000000", Position: lake.Pos(n), Received: lake.InstantOf(created),
		})
	}
	r.objects++
	key := lake.Key(fmt.Sprintf("raw/event_type=%s/event_subtype=x/year=2026/month=06/day=01/delivery-1-%d-uuid.gz", kind, r.objects))
	info, err := r.gzip.Create(r.t.Context(), key, lines)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.notification(key, info.Bytes)
}

func (r *rig) notification(key lake.Key, size int64) string {
	r.t.Helper()
	var e events.S3Event
	e.Records = []events.S3EventRecord{{EventName: "ObjectCreated:Put", EventTime: time.Now(), S3: events.S3Entity{
		Bucket: events.S3Bucket{Name: bucket}, Object: events.S3Object{Key: strings.ReplaceAll(string(key), "=", "%3D"), Size: size}}}}
	out, err := json.Marshal(e)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(out)
}

func (r *rig) tell(want string, notifications ...string) {
	r.t.Helper()
	var e events.SQSEvent
	for i, n := range notifications {
		e.Records = append(e.Records, events.SQSMessage{MessageId: fmt.Sprint("m", i), Body: n, EventSource: "aws:sqs"})
	}
	in, err := json.Marshal(e)
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := r.handler.Invoke(r.t.Context(), in)
	if err != nil || string(out) != `{"batchItemFailures":[`+want+`]}` {
		r.t.Fatalf("%s %v", out, err)
	}
}

// rows counts the rows of a table.
func (r *rig) rows(table lake.TableName) (n int64) {
	r.t.Helper()
	t, err := r.catalog.Table(r.t.Context(), table)
	if errors.Is(err, lake.ErrNotFound) {
		return 0
	}
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range t.Files {
		n += f.Rows
	}
	return n
}

func (r *rig) want(table lake.TableName, rows int64) {
	r.t.Helper()
	if got := r.rows(table); got != rows {
		r.t.Fatalf("table %s has %d rows, want %d", table, got, rows)
	}
}

func TestToldObjectsBecomeRows(t *testing.T) {
	r := newRig(t)
	r.tell("", r.deliver("account", 1, 2, 3), r.deliver("payment", 4))
	r.want("account", 3)
	r.want("payment", 1)
}

func TestWhatIsDeliveredOrToldTwiceIsOneRow(t *testing.T) {
	r := newRig(t)
	first := r.deliver("account", 1, 2, 3)
	r.tell("", first, first)
	r.tell("", first)
	r.tell("", r.deliver("account", 2, 3, 4), r.deliver("account", 4, 1))
	r.want("account", 4)
	table, err := r.catalog.Table(t.Context(), "account")
	if err != nil || table.Consumed[arrivals.Shard] != lake.Pos(3) {
		t.Fatalf("consumed %v, %v", table.Consumed, err)
	}
}

func TestLostNotificationsAreMadeGoodByTheUpkeep(t *testing.T) {
	r := newRig(t)
	r.deliver("account", 1, 2)
	r.tell("", r.deliver("account", 3))
	r.want("account", 1)
	if _, err := r.handler.Invoke(t.Context(), []byte(`{"task":"upkeep"}`)); err != nil {
		t.Fatal(err)
	}
	r.want("account", 3)
	if rep := r.reports[len(r.reports)-1]; rep.Objects.Added != 1 || rep.Objects.Known != 1 || rep.Waiting != 0 {
		t.Fatalf("%+v", rep)
	}
}

func TestAMessageThatIsNoNotificationFailsAlone(t *testing.T) {
	r := newRig(t)
	r.tell(`{"itemIdentifier":"m0"}`, "nonsense", r.deliver("account", 1))
	r.want("account", 1)
}

func TestForeignObjectsStayWhereTheyAre(t *testing.T) {
	r := newRig(t)
	n := strings.ReplaceAll(r.deliver("account", 1), "raw/event_type%3Daccount", "raw/../../etc")
	r.tell("", n)
	r.want("account", 0)
	if rep := r.reports[0]; len(rep.Objects.Foreign) != 1 {
		t.Fatalf("%+v", rep)
	}
}

func TestPastTheDeadlineTheMessagesComeAgain(t *testing.T) {
	r := newRig(t)
	n := r.deliver("account", 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // less than the margin
	defer cancel()
	in := fmt.Appendf(nil, `{"Records":[{"messageId":"m","eventSource":"aws:sqs","body":%q}]}`, n)
	if _, err := r.handler.Invoke(ctx, in); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	r.tell("", n)
	r.want("account", 1)
}

func TestAnUnknownTaskIsRefused(t *testing.T) {
	r := newRig(t)
	for _, in := range []string{`{"task":"drop"}`, `x`, ``, `{"tsk":"upkeep"}`, `{"task":"again"}`, `{"task":"again","key":["raw/x"]}`, `{"task":"accept-loss"}`, `{"keys":["raw/x"]}`, `{"task":"upkeep","delete":true}`} {
		if _, err := r.handler.Invoke(t.Context(), []byte(in)); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: %v", in, err)
		}
	}
}
