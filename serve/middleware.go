package serve

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventlake/lake/serve/api"
)

// outer is what every request passes on its way in: an id, safe defaults for
// the answer's headers, a net for panics, a log line, a metric.
type outer struct {
	mux      *http.ServeMux
	log      *slog.Logger
	requests *prometheus.HistogramVec // route, code
	inflight prometheus.Gauge
}

func newOuter(mux *http.ServeMux, log *slog.Logger, reg prometheus.Registerer) (*outer, error) {
	o := &outer{
		mux: mux, log: log,
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "lake", Subsystem: "http", Name: "request_seconds",
			Help: "Time to answer a request, by route and status.", Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9)}, []string{"route", "code"}),
		inflight: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "lake", Subsystem: "http", Name: "inflight_requests", Help: "Requests being answered."}),
	}
	for _, c := range []prometheus.Collector{o.requests, o.inflight} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// ServeHTTP implements http.Handler.
func (o *outer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := api.RequestID(w, r)
	h := w.Header()
	h["X-Content-Type-Options"] = nosniff
	h["Referrer-Policy"] = noReferrer
	h["X-Frame-Options"] = deny
	h["Content-Security-Policy"] = noContent
	rec := &recorder{ResponseWriter: w}
	o.inflight.Inc()
	defer func() {
		o.inflight.Dec()
		if p := recover(); p != nil {
			o.failed(rec, r, id, p)
		}
		o.requests.WithLabelValues(o.route(r), strconv.Itoa(rec.code())).Observe(time.Since(start).Seconds())
		if o.log.Enabled(r.Context(), slog.LevelDebug) {
			o.log.Debug("request", "request_id", id, "method", r.Method, "path", r.URL.Path, "status", rec.code(),
				"bytes", rec.bytes, "took", time.Since(start), "from", r.RemoteAddr)
		}
	}()
	o.mux.ServeHTTP(rec, r)
}

// Pages that need more than text set their own policy over this.
var (
	nosniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	deny       = []string{"DENY"}
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"}
)

// failed answers 500 after a panic, or cuts the connection when an answer has
// begun: the client must not take a part for the whole.
func (o *outer) failed(rec *recorder, r *http.Request, id string, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this
		panic(p)
	}
	o.log.Error("a request handler panicked", "request_id", id, "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	if rec.status != 0 {
		panic(http.ErrAbortHandler)
	}
	api.Fail(rec, r, &api.Error{Status: http.StatusInternalServerError, Code: api.CodeInternal,
		Message: "something went wrong on the server", Hint: "the lake's log says more under this request id"})
}

// route is the pattern that answered: a bounded set, unlike paths.
func (o *outer) route(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	return r.Pattern
}

// recorder notes what was answered. Unwrap gives http.ResponseController the
// way to deadlines and flushing.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher for handlers that ask for it directly.
func (r *recorder) Flush() {
	// A connection that cannot flush sends when the handler is done.
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
