package assemble

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
)

// registerMetrics offers the state of the lake, of the process and of the Go
// runtime to scrapes, beside what the stages count themselves.
func (l *Local) registerMetrics() error {
	return errors.Join(l.Registry.Register(&metrics{l}), l.Registry.Register(collectors.NewGoCollector()),
		l.Registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
}

// metrics reads the state when it is scraped: what the parts have in memory,
// one record a shard that lags, and the file system's free space. What cannot
// be read is left out, so that a part that has stopped itself does not hide the
// others.
type metrics struct{ lake *Local }

// scrapeTime bounds one scrape.
const scrapeTime = 2 * time.Second

// Describe implements prometheus.Collector; describing nothing leaves the
// metrics to Collect.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	p := page{out}
	books := m.lake.Ledger.Stats()
	for _, part := range []func(context.Context, page, *ledger.Stats) error{m.stages, m.stream, m.consumers, m.ledger, m.files, m.disk, m.upkeep} {
		if err := part(ctx, p, &books); err != nil {
			m.lake.Log.Debug("some metrics are left out", "error", err)
		}
	}
}

// stages is how far ingest and curate are.
func (m *metrics) stages(ctx context.Context, p page, books *ledger.Stats) error {
	shards, err := m.lake.Stream.Shards(ctx)
	if err != nil {
		return err
	}
	curated, err := m.lake.Ledger.Curated(ctx)
	if err != nil {
		return err
	}
	gaps := m.lake.Stream.Gaps()
	for _, s := range shards {
		at, err := m.lake.Ledger.Position(ctx, s.ID)
		if err != nil {
			return err
		}
		shard := label{"shard", string(s.ID)}
		p.gauge("lake_stream_head_position", "Records ever stored in the shard.", ordinal(s.Last), shard)
		p.gauge("lake_ingest_committed_position", "Records of the shard that are decided and committed.", ordinal(at), shard)
		p.gauge("lake_curate_committed_position", "Records of the shard whose events are in their tables.", ordinal(curated[s.ID]), shard)
		p.gauge("lake_ingest_lag_events", "Records stored and not yet committed.", float64(waiting(gaps[s.ID], at, s.Last)), shard)
		age, err := m.age(ctx, s, at)
		if err != nil {
			return err
		}
		p.gauge("lake_ingest_lag_seconds", "Age of the oldest record that is not yet committed; 0 when there is none.", age.Seconds(), shard)
	}
	w := books.Waiting
	p.gauge("lake_curate_lag_events", "Events in raw that are not yet in their tables.", float64(w.Events))
	var age time.Duration
	if w.Oldest != 0 {
		age = max(0, m.lake.Clock().Sub(w.Oldest))
	}
	p.gauge("lake_curate_lag_seconds", "Time since the receipt of the oldest raw file that is not yet in its table; 0 when there is none.", age.Seconds())
	return nil
}

// age is how long ago the record behind the position was received.
func (m *metrics) age(ctx context.Context, s lake.Shard, at lake.Position) (time.Duration, error) {
	if !s.Last.After(at) {
		return 0, nil
	}
	var b lake.Batch
	if err := m.lake.Stream.Read(ctx, s.ID, at, 1, &b); err != nil || len(b.Records) == 0 {
		return 0, err
	}
	return max(0, m.lake.Clock().Sub(b.Records[0].Received)), nil
}

func (m *metrics) stream(_ context.Context, p page, _ *ledger.Stats) error {
	st := m.lake.Stream.Stats()
	p.gauge("lake_stream_queued_bytes", "Bytes that wait for their fsync.", float64(st.Queued))
	for _, s := range st.Shards {
		shard := label{"shard", string(s.ID)}
		p.gauge("lake_stream_bytes", "Bytes of the shard on disk.", float64(s.Bytes), shard)
		p.gauge("lake_stream_segments", "Files of the shard.", float64(s.Segments), shard)
		p.time("lake_stream_oldest_timestamp_seconds", "No record that the shard keeps was received before.", s.Oldest, shard)
		p.counter("lake_stream_syncs_total", "Writes to the shard, each with an fsync.", float64(s.Counts.Frames), shard)
		p.counter("lake_stream_sync_seconds_total", "Time spent in them.", s.Counts.SyncTime.Seconds(), shard)
		p.counter("lake_stream_full_total", "Writes that found the disk full.", float64(s.Counts.Full), shard)
		p.counter("lake_stream_lost_events_total", "Records that damage took before they were decided; lake verify names them.", float64(m.lake.losses.count(s.ID)), shard)
	}
	return nil
}

func (m *metrics) consumers(ctx context.Context, p page, _ *ledger.Stats) error {
	shards, err := m.lake.Stream.Shards(ctx)
	if err != nil {
		return err
	}
	all, err := consumerStatus(ctx, m.lake.Stream, shards)
	for _, c := range all {
		p.gauge("lake_consumer_lag_events", "Records that a named consumer (lake tail --consumer) has not read.", float64(c.Lag), label{"consumer", c.Consumer})
	}
	return err
}

func (m *metrics) ledger(_ context.Context, p page, books *ledger.Stats) error {
	for verdict, n := range map[string]int64{
		"unique": books.Verdicts.Unique, "duplicate": books.Verdicts.Duplicate, "refused": books.Verdicts.Refused, "id_conflict": books.Verdicts.Conflicts,
	} {
		p.counter("lake_ingest_events_total", "Events decided since the lake was made, by verdict; refused and id_conflict are in quarantine.", float64(n), label{"verdict", verdict})
	}
	p.counter("lake_ledger_commits_total", "Commits since the start.", float64(books.Commits))
	p.time("lake_ledger_last_commit_timestamp_seconds", "When the ledger last committed.", books.LastCommit)
	p.gauge("lake_ledger_log_bytes", "Bytes of the commit log behind the last snapshot.", float64(books.LogBytes))
	p.gauge("lake_claims_ids", "Event ids that are remembered.", float64(books.HotClaims), label{"place", "memory"})
	p.gauge("lake_claims_ids", "Event ids that are remembered.", float64(books.ColdClaims), label{"place", "disk"})
	p.gauge("lake_claims_memory_bytes", "Memory for the ids.", float64(books.HotBytes+books.ColdBytes))
	p.gauge("lake_claims_disk_bytes", "Disk for the ids.", float64(books.RunBytes))
	return nil
}

func (m *metrics) files(_ context.Context, p page, books *ledger.Stats) error {
	p.gauge("lake_raw_files", "Raw files.", float64(books.Raw.Files))
	p.gauge("lake_raw_bytes", "Bytes of raw files, compressed.", float64(books.Raw.Bytes))
	p.gauge("lake_quarantine_files", "Quarantine files.", float64(books.Quarantine.Files))
	p.gauge("lake_quarantine_events", "Events in quarantine, retried ones too.", float64(books.Quarantine.Events))
	return nil
}

func (m *metrics) disk(_ context.Context, p page, _ *ledger.Stats) error {
	free, err := disk.Free(m.lake.Config.Data)
	if err != nil {
		return err
	}
	p.gauge("lake_disk_free_bytes", "Free space on the data directory's disk.", float64(free))
	p.gauge("lake_disk_reserved_bytes", "With less than this free, events are refused with 503 (limits.disk_free).", float64(m.lake.Config.Limits.DiskFree))
	return nil
}

func (m *metrics) upkeep(_ context.Context, p page, _ *ledger.Stats) error {
	done, steps := m.lake.upkeep.state()
	for i, s := range steps {
		step := label{"step", upkeepStep(i).String()}
		p.counter("lake_upkeep_runs_total", "Upkeep begun in the background, failed ones too.", float64(s.runs), step)
		p.counter("lake_upkeep_failures_total", "Upkeep that failed; it is tried again.", float64(s.failures), step)
		p.time("lake_upkeep_last_success_timestamp_seconds", "When upkeep last ended well.", s.success, step)
	}
	if !done.LastCompaction.IsZero() {
		p.time("lake_upkeep_last_compaction_timestamp_seconds", "When Parquet files were last compacted.", lake.InstantOf(done.LastCompaction))
	}
	for work, n := range map[string]int{"merged_raw": done.MergedRawFiles, "compacted": done.CompactedFiles, "swept": done.SweptFiles} {
		p.counter("lake_upkeep_files_total", "Files that upkeep merged, compacted or removed.", float64(n), label{"work", work})
	}
	p.counter("lake_upkeep_expired_snapshots_total", "Table snapshots expired.", float64(done.ExpiredSnapshots))
	return nil
}

// page takes the metrics of one scrape.
type page struct{ out chan<- prometheus.Metric }

type label struct{ name, value string }

func (p page) gauge(name, help string, v float64, l ...label) {
	p.metric(prometheus.GaugeValue, name, help, v, l)
}

func (p page) counter(name, help string, v float64, l ...label) {
	p.metric(prometheus.CounterValue, name, help, v, l)
}

// time is a gauge of a moment; one that is not known is left out.
func (p page) time(name, help string, at lake.Instant, l ...label) {
	if at != 0 {
		p.metric(prometheus.GaugeValue, name, help, float64(at)/1e6, l)
	}
}

func (p page) metric(kind prometheus.ValueType, name, help string, v float64, labels []label) {
	names, values := make([]string, len(labels)), make([]string, len(labels))
	for i, l := range labels {
		names[i], values[i] = l.name, l.value
	}
	p.out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, v, values...)
}

func ordinal(p lake.Position) float64 {
	n, _ := p.Uint64() // the embedded stream's positions are ordinals
	return float64(n)
}
