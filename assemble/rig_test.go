package assemble

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
)

// openedWith is an open lake over a directory, with its configuration changed.
// The caller closes it.
func openedWith(t *testing.T, dir string, now *lake.Instant, change func(*config.Config)) *Local {
	t.Helper()
	cfg := config.Default()
	cfg.Data = dir
	if change != nil {
		change(&cfg)
	}
	l, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l.Clock = func() lake.Instant { return *now }
	return l
}

func closed(t *testing.T, l *Local) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// ofShard is the first id that goes to the n-th of two shards.
func ofShard(n int) string {
	for i := 0; ; i++ {
		if id := fmt.Sprint("e", i); int(idOf(id)[0])>>7 == n {
			return id
		}
	}
}

// idOf is an ID as transform makes it: a hash over source and id.
func idOf(id string) lake.ID { return lake.ID(xxh3.Hash128([]byte("shop\x00" + id)).Bytes()) }

// sentIn puts bodies into the stream, by the ids in them.
func sentIn(t *testing.T, l *Local, at lake.Instant, bodies map[string]string) {
	t.Helper()
	var events []lake.Event
	for id, b := range bodies {
		e := lake.Event{ID: idOf(id), Source: "shop", Received: at, Body: []byte(b)}
		events = append(events, e)
	}
	if err := l.Stream.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// drained ingests what the stream holds and curates nothing.
func drained(t *testing.T, l *Local) {
	t.Helper()
	ws, err := l.Workers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ws {
		if err := w.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// tableIDs counts ids in a table.
func tableIDs(t *testing.T, l *Local, name lake.TableName) map[lake.ID]int {
	t.Helper()
	table, err := l.Catalog.Table(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	out := map[lake.ID]int{}
	for _, f := range table.Files {
		for row, err := range curate.Rows(t.Context(), l.Store, f) {
			if err != nil {
				t.Fatal(err)
			}
			out[row.ID]++
		}
	}
	return out
}

// onceEach compares what tableIDs says with so many ids, each once.
func onceEach(t *testing.T, ids map[lake.ID]int, want int) {
	t.Helper()
	if len(ids) != want {
		t.Errorf("%d ids in the table, not %d", len(ids), want)
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("event %s is %d times in the table", id, n)
		}
	}
}

// verified has the lake proven as lake verify does.
func verified(t *testing.T, l *Local) {
	t.Helper()
	out, err := l.Ops()[OpVerify](t.Context(), []byte(`{}`), func(any) {})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var r audit.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if !r.OK() {
		t.Errorf("verify: %s", text)
	}
}

// body is an event; created is in seconds.
func body(id string, created int64) string {
	return fmt.Sprintf(`{"event_uuid":%q,"event_name":"account:opened","created_at":%d}`, id, created)
}
