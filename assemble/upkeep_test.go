package assemble

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// taken is a lake whose raw files hold an event, and a raw object that a killed
// process left: of a span that is committed, named by no commit.
func taken(t *testing.T, now *lake.Instant) (l *Local, unused lake.Key) {
	t.Helper()
	l = opened(t, now)
	l.sweeper = raw.NewSweeper(l.Ledger, l.Store, l.Clock)
	sent(t, l, *now, `{"event_uuid":"1","event_name":"account:opened","created_at":1772359200}`)
	workers, err := l.Workers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := workers[0].Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	unused = "raw/event_type=account/event_subtype=opened/year=2026/month=03/day=01/" +
		lake.Key(raw.SpanName("merged2", "shard-000", lake.Span{To: lake.Pos(1)})) + ".ndjson.gz"
	if _, err := l.Gzip.Create(t.Context(), unused, []byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	return l, unused
}

func (l *Local) has(t *testing.T, key lake.Key) bool {
	t.Helper()
	o, err := l.Store.Open(t.Context(), key)
	if errors.Is(err, lake.ErrNotFound) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return true
}

// tidyLate tidies, lets the grace pass, and tidies again.
func (l *Local) tidyLate(t *testing.T, now *lake.Instant) {
	t.Helper()
	for range 2 {
		if err := l.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		*now = now.Add(sweepGrace + time.Second)
	}
}

func TestNothingIsDeletedUnderAReaderOrARebuild(t *testing.T) {
	now := lake.InstantOf(time.Now())
	l, unused := taken(t, &now)

	during := func(what string) func(any) {
		return func(any) {
			l.tidyLate(t, &now)
			if !l.has(t, unused) {
				t.Errorf("deleted under a %s", what)
			}
		}
	}
	published := 0
	count := func(do func(any)) func(any) { return func(v any) { published++; do(v) } }
	if _, err := l.Ops()[OpReplay](t.Context(), []byte(`{"to":"emit"}`), count(during("replay"))); err != nil {
		t.Fatal(err)
	}
	if published == 0 {
		t.Fatal("the replay gave nothing, so nothing was tried under it")
	}
	if err := l.Settle(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	steps := 0
	if _, err := l.Ops()[OpRebuild](t.Context(), []byte(`{}`), func(v any) { steps++; during("rebuild")(v) }); err != nil {
		t.Fatal(err)
	}
	if steps == 0 {
		t.Fatal("the rebuild took no step")
	}
	l.tidyLate(t, &now)
	if l.has(t, unused) {
		t.Error("still there with nobody reading")
	}
}

func TestTidyRemovesWhatKilledWritersLeft(t *testing.T) {
	now := lake.InstantOf(time.Now())
	l, unused := taken(t, &now)
	dir := filepath.Join(l.Config.Data, filepath.FromSlash(string(unused)), "..")
	old, young := filepath.Join(dir, ".tmp-old"), filepath.Join(dir, ".tmp-young")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("half a file"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-2 * sweepGrace)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	if err := l.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old one: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young one: %v", err)
	}
}
