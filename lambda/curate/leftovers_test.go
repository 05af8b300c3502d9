package curate_test

import (
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/eventlake/lake"
	stage "github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/lambda/curate"
	"github.com/eventlake/lake/raw"
)

const shard = "shardId-000000000000"

// TestUpkeepSweepsWhatWorkersLeft, after it was listed by hand.
func TestUpkeepSweepsWhatWorkersLeft(t *testing.T) {
	r := newRig(t)
	dir := "raw/event_type=account/event_subtype=x/year=2026/month=06/day=01/"
	leftover := lake.Key(dir + "part-" + shard + "-000000000000-000000000002.ndjson.gz")
	if _, err := r.store.Create(t.Context(), leftover, func(w io.Writer) error { _, err := io.WriteString(w, "killed"); return err }); err != nil {
		t.Fatal(err)
	}
	created := lake.InstantOf(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))
	line := raw.Append(nil, []byte(`{"event_uuid":"1"}`), &raw.Fields{ID: lake.ID{1}, Type: []byte("account"), Subtype: []byte("x"),
		Created: created, Source: "web", Shard: shard, Position: lake.Pos(1), Received: created})
	span := lake.Span{To: lake.Pos(3)}
	files, err := raw.NewWriter(r.gzip, nil).Write(t.Context(), shard, span, []lake.Part{{
		Partition: lake.Partition{Name: lake.Name{Type: "account", Subtype: "x"}, Day: created.Day()}, Lines: line, Events: 1,
		MinTime: created, MaxTime: created, Received: created, First: lake.Pos(1),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.ledger.Commit(t.Context(), lake.Commit{Shard: shard, Span: span, Add: files}); err != nil {
		t.Fatal(err)
	}
	curator, err := stage.New(stage.Config{Backlog: r.ledger, Store: r.store, Catalog: r.catalog, Lines: raw.NewReader(r.store, nil)})
	if err != nil {
		t.Fatal(err)
	}
	later := lake.SystemClock().Add(4 * time.Hour)
	h := curate.New(curate.Config{Ledger: r.ledger, Store: r.store, Catalog: r.catalog, Curator: curator, Committed: true, Keep: time.Hour,
		Clock: func() lake.Instant { return later }})
	for _, test := range []struct {
		task  string
		found int
		there bool
	}{{`{"task":"leftovers"}`, 1, true}, {`{"task":"upkeep"}`, 1, false}, {`{"task":"leftovers","delete":true}`, 0, false}} {
		out, err := h.Invoke(t.Context(), []byte(test.task))
		var report curate.Report
		if err := errors.Join(err, json.Unmarshal(out, &report)); err != nil {
			t.Fatal(test.task, err)
		}
		if s := report.Swept; s == nil || s.Objects != test.found || test.found > 0 && (len(s.Keys) != 1 || s.Keys[0] != leftover) {
			t.Errorf("%s: %s", test.task, out)
		}
		there := map[lake.Key]bool{}
		for info, err := range r.store.List(t.Context(), raw.Root) {
			if err != nil {
				t.Fatal(err)
			}
			there[info.Key] = true
		}
		if there[leftover] != test.there || !there[files[0].Key] {
			t.Errorf("after %s there are %v", test.task, there)
		}
	}
	if n := r.rows("account"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestWhereObjectsArriveNothingIsLeftOver: whatever lies in raw is data there.
func TestWhereObjectsArriveNothingIsLeftOver(t *testing.T) {
	r := newRig(t)
	if _, err := r.handler.Invoke(t.Context(), []byte(`{"task":"leftovers","delete":true}`)); !errors.Is(err, lake.ErrInvalid) {
		t.Fatal(err)
	}
	r.tell("", r.deliver("account", 1))
	if _, err := r.handler.Invoke(t.Context(), []byte(`{"task":"upkeep"}`)); err != nil {
		t.Fatal(err)
	}
	if last := r.reports[len(r.reports)-1]; last.Swept != nil {
		t.Errorf("upkeep has swept: %+v", last.Swept)
	}
}
