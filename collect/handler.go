package collect

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/cors"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/serve/api"
	"github.com/eventlake/lake/transform"
)

// HeaderSource names the source of a request's events where the caller may
// choose it; `?source=` in the URL does the same.
const HeaderSource = "X-Lake-Source"

// Config is what a Handler is made of.
type Config struct {
	Stream lake.Stream // where events go

	// Sources returns how the events of a source are read, nil for a source
	// that does not exist. It must be safe for concurrent use.
	Sources func(lake.SourceID) *transform.Transformer

	// Keys finds the source that a key sends for. Nil: keys are off, all events
	// belong to lake.DefaultSource, or, with AnySource, to the source that the
	// request names. Only for loopback addresses.
	Keys      api.Authenticator
	AnySource bool

	// Pressure returns lake.ErrFull while there is too little disk or memory to
	// take more. It is asked before a body is read; nil: never.
	Pressure func() error

	Limits  Limits
	Origins []string // of web pages that may send, e.g. https://shop.example; "*" is all

	Clock    lake.Clock            // nil: the system's clock
	Logger   *slog.Logger          // nil: nothing is logged
	Registry prometheus.Registerer // nil: metrics are not published
}

// Handler serves POST of events. Safe for concurrent use.
type Handler struct {
	cfg     Config
	limits  Limits
	serve   http.Handler // with CORS around it
	memory  *memory
	rates   *rates
	metrics *metrics
	origins map[string]bool
	jobs    sync.Pool
}

// New returns a Handler. ErrInvalid when the stream or the sources are missing.
func New(cfg Config) (*Handler, error) {
	if cfg.Stream == nil || cfg.Sources == nil {
		return nil, lake.Errorf(lake.ErrInvalid, "", "collect needs a stream and sources")
	}
	if cfg.Clock == nil {
		cfg.Clock = lake.SystemClock
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	limits := cfg.Limits.withDefaults()
	dec, err := newZstd(limits.Request)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		cfg: cfg, limits: limits,
		memory: newMemory(limits.Memory, limits.Wait), rates: newRates(limits), origins: map[string]bool{},
	}
	h.jobs.New = func() any {
		return &job{reader: reader{mem: h.memory, limit: limits.Request, zstd: dec}, scanners: map[*transform.Transformer]*transform.Scanner{}}
	}
	if h.metrics, err = newMetrics(cfg.Registry, h.memory); err != nil {
		return nil, err
	}
	h.serve = http.HandlerFunc(h.take)
	if len(cfg.Origins) > 0 {
		for _, o := range cfg.Origins {
			h.origins[o] = true
		}
		h.serve = cors.New(cors.Options{
			AllowedOrigins: cfg.Origins,
			AllowedMethods: []string{http.MethodPost},
			AllowedHeaders: []string{"Authorization", "Content-Type", "Content-Encoding", "Prefer", api.HeaderRequestID, HeaderSource},
			ExposedHeaders: []string{"Retry-After", api.HeaderRequestID},
			MaxAge:         600,
		}).Handler(h.serve)
	}
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve.ServeHTTP(w, r) }

// take answers one request.
func (h *Handler) take(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := api.RequestID(w, r)
	j, _ := h.jobs.Get().(*job) // New makes nothing else
	defer func() {
		j.end()
		h.jobs.Put(j)
	}()
	err := h.store(w, r, j)
	if err == nil {
		h.metrics.request(http.StatusAccepted, time.Since(start))
		j.reply(w, r, id)
		return
	}
	e := api.Classify(err)
	h.metrics.request(e.Status, time.Since(start))
	level := slog.LevelDebug
	if e.Status >= 500 {
		level = slog.LevelError
	}
	h.cfg.Logger.Log(r.Context(), level, "events not taken", "request_id", id, "source", string(j.source), "status", e.Status, "error", err, "hint", lake.Hint(err))
	switch e.Code { // what would have been right
	case codeEncoding:
		w.Header().Set("Accept-Encoding", acceptEncoding)
	case codeType:
		w.Header().Set("Accept-Post", acceptPost)
	case api.CodeMethod:
		w.Header().Set("Allow", http.MethodPost)
	}
	rest := lingers(r, len(j.reader.wire.b))
	j.reader.free() // before anybody is waited for
	if rest {
		w.Header().Set("Connection", "close")
	}
	api.Refuse(w, r, err)
	if rest {
		linger(w, r)
	}
}

// store brings the request's events into the stream. When it returns nil they
// are durable there.
func (h *Handler) store(w http.ResponseWriter, r *http.Request, j *job) error {
	// The deadline also ends the wait for the rest of a body that is refused.
	control := http.NewResponseController(w)
	if err := deadline(control, time.Now().Add(h.limits.ReadTimeout)); err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		return &api.Error{Status: http.StatusMethodNotAllowed, Code: api.CodeMethod, Message: r.Method + " is not possible here", Hint: "send events with POST; ask for them with SQL"}
	}
	kind, err := formOf(r.Header)
	if err != nil {
		return err
	}
	enc, err := encodingOf(r.Header)
	if err != nil {
		return err
	}
	bucket, err := h.identify(r, j)
	if err != nil {
		return err
	}
	how := h.cfg.Sources(j.source)
	if how == nil {
		return bad(codeSource, "lake.yaml names the sources", "source %s does not exist", quote(string(j.source)))
	}
	received := h.cfg.Clock()
	if wait := h.rates.ready(bucket, received.Time()); wait > 0 {
		return errRate(wait)
	}
	if h.cfg.Pressure != nil {
		if err := h.cfg.Pressure(); err != nil {
			return err
		}
	}
	body, err := j.reader.read(w, r, enc)
	if err != nil {
		return err
	}
	// The body is here. The wait for the disk is not the client's to answer for,
	// and a deadline that passes in it would cancel the request.
	if err := deadline(control, time.Time{}); err != nil {
		return err
	}
	if j.events, err = split(body, kind, h.limits.Events, j.events); err != nil {
		return err
	}
	if wait := h.rates.spend(bucket, received.Time(), len(j.events), len(body)); wait > 0 {
		return errRate(wait)
	}
	j.look(how, received)
	start := time.Now()
	if err := h.cfg.Stream.Append(r.Context(), j.events); err != nil {
		return notStored(err)
	}
	h.metrics.stored(j, r.ContentLength, len(body), time.Since(start))
	return nil
}

// notStored is what the client learns of an error of the stream.
func notStored(err error) error {
	if errors.Is(err, lake.ErrFull) || errors.Is(err, lake.ErrClosed) || errors.Is(err, lake.ErrInvalid) {
		return err
	}
	return &appendError{&api.Error{Status: http.StatusInternalServerError, Code: codeAppend, Message: "the events could not be stored; some of them may have been",
		Hint: "send the same request again: what was stored is recognised by its ids"}, err}
}

// appendError tells the client one thing and the log another.
type appendError struct {
	client *api.Error
	cause  error
}

func (e *appendError) Error() string { return e.cause.Error() }

func (e *appendError) Unwrap() []error { return []error{e.client, e.cause} }

func deadline(c *http.ResponseController, t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return bad(codeLength, "", "the connection is gone")
	}
	return nil
}

func errRate(wait time.Duration) *api.Error {
	return &api.Error{Status: http.StatusTooManyRequests, Code: codeRate, Message: "this key sends more than it may; nothing was stored",
		Hint: "send the same request again after Retry-After seconds", RetryAfter: max(wait, time.Second)}
}
