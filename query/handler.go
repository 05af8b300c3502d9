package query

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/eventlake/lake/serve/api"
)

// Limits bound one statement and all together. Zero values mean the defaults
// in brackets.
type Limits struct {
	Rows       int64         // of an answer, when the request does not say [10,000]
	MaxRows    int64         // that a request may ask for [100,000]
	Timeout    time.Duration // of a statement until its answer begins, then for the client to take each piece [30 s]
	Concurrent int           // statements at a time [4]
	Wait       time.Duration // for one of them to end, before 429 [1 s]
	BodyBytes  int64         // of a request [1 MiB]
}

func (l Limits) withDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Rows, 10_000)
	def(&l.MaxRows, max(100_000, l.Rows))
	def(&l.BodyBytes, 1<<20)
	wait(&l.Timeout, 30*time.Second)
	wait(&l.Wait, time.Second)
	if l.Concurrent <= 0 {
		l.Concurrent = 4
	}
	l.Rows = min(l.Rows, l.MaxRows)
	return l
}

// The codes that this endpoint adds to api's.
const (
	codeBusy    api.Code = "too_many_queries"
	codeTimeout api.Code = "timeout"
)

// trailers tell what CSV and NDJSON have no place for.
const (
	trailerRows      = "X-Lake-Row-Count"
	trailerTruncated = "X-Lake-Truncated"
)

type handler struct {
	answerer Answerer
	limits   Limits
	auth     func(*http.Request) error
	log      *slog.Logger
	slots    chan struct{}
}

// Handler answers POST /v1/sql. The body is the statement as text, or JSON
// {"sql": ..., "limit": rows, "format": json|csv|ndjson|table}; the Accept
// header may name the format too. auth refuses a request by an error (an
// *api.Error becomes its status); nil lets everybody in. A nil logger discards.
func Handler(answerer Answerer, limits Limits, auth func(*http.Request) error, log *slog.Logger) http.Handler {
	limits = limits.withDefaults()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &handler{answerer, limits, auth, log, make(chan struct{}, limits.Concurrent)}
	return api.Methods(h, http.MethodPost)
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := api.RequestID(w, r)
	if h.auth != nil {
		if err := h.auth(r); err != nil {
			api.Refuse(w, r, err)
			return
		}
	}
	req, err := h.read(w, r)
	if err != nil {
		api.Fail(w, r, err)
		return
	}
	if err := h.enter(r.Context()); err != nil {
		api.Fail(w, r, err)
		return
	}
	defer func() { <-h.slots }()
	start := time.Now()
	ctx, stop := context.WithCancelCause(r.Context())
	defer stop(nil)
	out := newReply(w, req.Format, h.limits.Timeout, stop)
	defer out.stop()
	a, err := h.answerer.Answer(ctx, req, out)
	switch {
	case err == nil:
		out.end(a)
		h.log.Info("sql", "request", id, "rows", a.Rows, "truncated", a.Truncated, "ms", time.Since(start).Milliseconds())
	case out.began:
		h.log.Warn("sql answer not finished", "request", id, "rows", a.Rows, "err", err)
		panic(http.ErrAbortHandler) // the client must not take a part for the whole
	default:
		h.fail(ctx, w, r, id, err)
	}
}

// enter waits a little for a free place.
func (h *handler) enter(ctx context.Context) error {
	t := time.NewTimer(h.limits.Wait)
	defer t.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return &api.Error{Status: http.StatusTooManyRequests, Code: codeBusy, RetryAfter: 2 * time.Second,
			Message: strconv.Itoa(h.limits.Concurrent) + " statements are running already", Hint: "try again, or raise query.concurrent in lake.yaml"}
	}
}

func (h *handler) fail(ctx context.Context, w http.ResponseWriter, r *http.Request, id string, err error) {
	if errors.Is(context.Cause(ctx), errTooSlow) {
		api.Fail(w, r, &api.Error{Status: http.StatusGatewayTimeout, Code: codeTimeout,
			Message: "the statement was stopped: it took longer than " + h.limits.Timeout.String(),
			Hint:    "ask for less: a shorter time range, fewer columns, or an aggregate"})
		return
	}
	if e := api.Classify(err); e.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		h.log.Error("sql failed", "request", id, "err", err)
	}
	api.Fail(w, r, err)
}
