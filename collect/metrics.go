package collect

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventlake/lake"
)

// metrics counts what the handler did. Counters of events are added once a
// request.
type metrics struct {
	requests    *prometheus.CounterVec // code
	duration    prometheus.Histogram   // whole requests that were taken
	appending   prometheus.Histogram   // the part of it that waits for the stream
	events      *prometheus.CounterVec // source, result
	quarantined *prometheus.CounterVec // source, reason
	bytes       *prometheus.CounterVec // form: wire, body
	batch       prometheus.Histogram   // events a request
	mu          sync.Mutex
	accepted    map[lake.SourceID]source
}

type source struct{ accepted, quarantined prometheus.Counter }

// maxSources bounds the label values that callers can make while they may name
// any source.
const maxSources = 1000

func newMetrics(reg prometheus.Registerer, mem *memory) (*metrics, error) {
	const ns, sub = "lake", "collect"
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help, Buckets: buckets})
	}
	latency := prometheus.ExponentialBuckets(0.0005, 2, 14) // 0.5 ms to 4 s
	m := &metrics{
		requests:    vec("requests_total", "Requests by HTTP status.", "code"),
		duration:    histogram("request_seconds", "Time to take and store a request, the client's sending included.", latency),
		appending:   histogram("append_seconds", "Time until the stream had stored a request's events.", latency),
		events:      vec("events_total", "Events put into the stream, by what the client was told.", "source", "result"),
		quarantined: vec("quarantined_total", "Events that the client was told will be kept aside, by reason.", "source", "reason"),
		bytes:       vec("bytes_total", "Bytes of requests taken, as sent (wire) and decompressed (body).", "form"),
		batch:       histogram("batch_events", "Events a request.", prometheus.ExponentialBuckets(1, 4, 8)),
		accepted:    map[lake.SourceID]source{},
	}
	inflight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: "inflight_bytes", Help: "Memory held by requests in flight."},
		func() float64 { return float64(mem.used.Load()) })
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.appending, m.events, m.quarantined, m.bytes, m.batch, inflight} {
		if err := reg.Register(c); err != nil {
			return nil, lake.Errorf(lake.ErrInvalid, "give each handler its own registry", "register metrics of collect: %s", err)
		}
	}
	return m, nil
}

func (m *metrics) request(code int, d time.Duration) {
	m.requests.WithLabelValues(strconv.Itoa(code)).Inc()
	if code < 300 {
		m.duration.Observe(d.Seconds())
	}
}

func (m *metrics) stored(j *job, wire int64, body int, d time.Duration) {
	m.appending.Observe(d.Seconds())
	m.batch.Observe(float64(len(j.events)))
	m.bytes.WithLabelValues("body").Add(float64(body))
	if wire < 0 {
		wire = int64(body)
	}
	m.bytes.WithLabelValues("wire").Add(float64(wire))
	s, label := m.source(j.source)
	s.accepted.Add(float64(len(j.events) - len(j.refused)))
	if len(j.refused) > 0 {
		s.quarantined.Add(float64(len(j.refused)))
	}
	for _, r := range j.refused {
		m.quarantined.WithLabelValues(label, string(r.reason)).Inc()
	}
}

func (m *metrics) source(id lake.SourceID) (source, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.accepted[id]
	if !ok {
		if len(m.accepted) >= maxSources {
			id = "(other)" // no source can have this name
		}
		s = source{m.events.WithLabelValues(string(id), "accepted"), m.events.WithLabelValues(string(id), "quarantined")}
		m.accepted[id] = s
	}
	return s, string(id)
}
