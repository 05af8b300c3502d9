package curate

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventlake/lake"
)

// metrics are counted in any case and exported when there is a registerer.
type metrics struct {
	rows      *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	commits   *prometheus.CounterVec
	late      *prometheus.CounterVec
	conflicts *prometheus.CounterVec
	compacted *prometheus.CounterVec
	errors    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		rows:      vec("lake_curate_rows_total", "Rows committed to tables.", "table"),
		bytes:     vec("lake_curate_bytes_total", "Bytes of data files committed to tables.", "table"),
		commits:   vec("lake_curate_commits_total", "Table commits by operation.", "table", "operation"),
		late:      vec("lake_curate_late_duplicates_total", "Events dropped because their table had their id.", "table"),
		conflicts: vec("lake_curate_conflicts_total", "Values that went to a sibling column because of their type.", "table", "column"),
		compacted: vec("lake_curate_compacted_files_total", "Data files merged into others.", "table"),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lake_curate_errors_total", Help: "Cycles that failed and were tried again.",
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.rows, m.bytes, m.commits, m.late, m.conflicts, m.compacted, m.errors} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("curate metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) commit(table lake.TableName, b *builder) {
	t := string(table)
	m.rows.WithLabelValues(t).Add(float64(b.rows))
	m.bytes.WithLabelValues(t).Add(float64(b.bytes))
	m.commits.WithLabelValues(t, "append").Inc()
	m.late.WithLabelValues(t).Add(float64(b.late.Total))
	for column, n := range b.conflicts {
		m.conflicts.WithLabelValues(t, column).Add(float64(n))
	}
}
