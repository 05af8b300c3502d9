package assemble

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
)

// opened is a lake with one shard whose clock stands where now says.
func opened(t *testing.T, now *lake.Instant) *Local {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Stream.Shards = t.TempDir(), 1
	l, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	l.Clock = func() lake.Instant { return *now }
	if err := l.registerMetrics(); err != nil {
		t.Fatal(err)
	}
	return l
}

// sent puts bodies into the stream.
func sent(t *testing.T, l *Local, at lake.Instant, bodies ...string) {
	t.Helper()
	var events []lake.Event
	for _, b := range bodies {
		events = append(events, lake.Event{Source: "shop", Received: at, Body: []byte(b)})
	}
	if err := l.Stream.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// values reads metrics as NAME{label} -> value.
func values(t *testing.T, l *Local) map[string]float64 {
	t.Helper()
	families, err := l.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, p := range m.GetLabel() {
				name += "{" + p.GetValue() + "}"
			}
			out[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return out
}

func TestMetricsSayHowFarTheLakeIs(t *testing.T) {
	now := lake.InstantOf(time.Now())
	l := opened(t, &now)
	began := now
	const good = `{"event_uuid":"1","event_name":"account:opened","created_at":1772359200}`
	sent(t, l, now, good, good, `{"event_uuid":"2"`, `{"event_uuid":"1","event_name":"account:opened","created_at":1772359200,"other":1}`)
	now = began.Add(30 * time.Second)
	for name, want := range map[string]float64{
		"lake_stream_head_position{shard-000}": 4, "lake_ingest_committed_position{shard-000}": 0, "lake_ingest_lag_events{shard-000}": 4,
		"lake_ingest_lag_seconds{shard-000}": 30, "lake_curate_lag_events": 0, "lake_curate_lag_seconds": 0,
	} {
		if got := values(t, l)[name]; got != want {
			t.Errorf("before ingest %s is %g, not %g", name, got, want)
		}
	}

	workers, err := l.Workers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := workers[0].Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"lake_ingest_committed_position{shard-000}": 4, "lake_ingest_lag_events{shard-000}": 0, "lake_ingest_lag_seconds{shard-000}": 0,
		"lake_ingest_events_total{unique}": 1, "lake_ingest_events_total{duplicate}": 1, "lake_ingest_events_total{refused}": 1,
		"lake_ingest_events_total{id_conflict}": 1, "lake_raw_files": 1, "lake_quarantine_files": 1, "lake_quarantine_events": 2,
		"lake_claims_ids{memory}": 1, "lake_claims_ids{disk}": 0, "lake_curate_lag_events": 1, "lake_curate_lag_seconds": 30,
		"lake_ledger_commits_total": 1, "lake_stream_syncs_total{shard-000}": 1,
	} {
		if got := values(t, l)[name]; got != want {
			t.Errorf("after ingest %s is %g, not %g", name, got, want)
		}
	}
	after := values(t, l)
	if after["lake_raw_bytes"] == 0 || after["lake_disk_free_bytes"] == 0 || after["lake_ledger_last_commit_timestamp_seconds"] < float64(began)/1e6-60 {
		t.Errorf("%v", after)
	}

	if err := l.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := l.Stream.Consumer("slow")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), map[lake.ShardID]lake.Position{"shard-000": lake.Pos(1)}); err != nil {
		t.Fatal(err)
	}
	l.ran(compactStep, nil)
	l.ran(compactStep, errors.New("a disk that fails"))
	for name, want := range map[string]float64{
		"lake_curate_committed_position{shard-000}": 4, "lake_curate_lag_events": 0, "lake_curate_lag_seconds": 0, "lake_consumer_lag_events{slow}": 3,
		"lake_upkeep_runs_total{compact}": 2, "lake_upkeep_failures_total{compact}": 1, "lake_upkeep_runs_total{tidy}": 0,
		"lake_upkeep_last_success_timestamp_seconds{compact}": float64(now) / 1e6,
	} {
		if got := values(t, l)[name]; got != want {
			t.Errorf("in the end %s is %g, not %g", name, got, want)
		}
	}
}

func TestMetricsFollowTheConventions(t *testing.T) {
	now := lake.InstantOf(time.Now())
	l := opened(t, &now)
	problems, err := testutil.GatherAndLint(l.Registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "lake_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestAClosedPartDoesNotHideTheOthers: while the lake stops, or after a part has
// stopped itself, a scrape still shows the rest.
func TestAClosedPartDoesNotHideTheOthers(t *testing.T) {
	now := lake.InstantOf(time.Now())
	l := opened(t, &now)
	sent(t, l, now, `{"event_uuid":"1"}`)
	if err := l.Stream.Close(); err != nil {
		t.Fatal(err)
	}
	if v := values(t, l); v["lake_disk_free_bytes"] == 0 {
		t.Errorf("%v", v)
	}
}

func BenchmarkScrape(b *testing.B) {
	cfg := config.Default()
	cfg.Data, cfg.Stream.Shards = b.TempDir(), 16
	l, err := Open(b.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	m := &metrics{l}
	for b.Loop() {
		out := make(chan prometheus.Metric, 1000)
		m.Collect(out)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
