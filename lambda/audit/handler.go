// Package audit is the Lambda that holds the books of the lake's parts against
// each other, hour by hour: what the stream holds, what the receipts, or the
// workers' commits, say became of it, what lies in raw, and what is in the tables. A gap is a number, a
// metric, and a line that names its place.
//
// An audit is a list of pieces: each shard of the stream, each day of each table,
// the files of each table. What does not fit before the deadline is handed to
// another call of this Lambda, which goes on behind the piece that was looked at
// last. Nothing is written.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/event"
	"github.com/eventlake/lake/raw"
)

// Config is what a Handler works with.
type Config struct {
	Receipts lake.ReceiptReader
	Stream   lake.Stream // nil: the stream is not read again
	// Probe is the stream, for looking at single records between receipts; nil:
	// it is not looked at.
	Probe  lake.Stream
	Ledger interface {
		lake.Ledger
		lake.Backlog
	}
	Store   lake.Store
	Catalog lake.Catalog
	Lines   *raw.Reader
	// Again starts this Lambda anew with the request, without waiting for it. nil:
	// what does not fit before the deadline is an error.
	Again  func(context.Context, Request) error
	Margin time.Duration // before the deadline; default 30 s
	// Memory is for the ids of a day of a table that are compared at once, in
	// bytes; more are compared in parts. Default 256 MiB.
	Memory   int64
	Parallel int // objects that are read at once; default 4
	// Settle is how long after its end an hour is looked at: buffers of the
	// delivery, and the curate schedule. Default 2 h.
	Settle time.Duration
	Clock  lake.Clock
	Done   func(*Report) // after every call, for metrics; may be nil
	Log    *slog.Logger
}

// Handler audits, one call at a time.
type Handler struct{ config Config }

// New returns a Handler.
func New(c Config) *Handler {
	if c.Margin <= 0 {
		c.Margin = 30 * time.Second
	}
	if c.Memory <= 0 {
		c.Memory = 256 << 20
	}
	if c.Parallel <= 0 {
		c.Parallel = 4
	}
	if c.Settle <= 0 {
		c.Settle = 2 * time.Hour
	}
	if c.Clock == nil {
		c.Clock = lake.SystemClock
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Done == nil {
		c.Done = func(*Report) {}
	}
	return &Handler{c}
}

// Invoke answers a Request with a Report. A gap is no error of the audit: it is
// in the report, in the metrics and in the log.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	outer := ctx
	ctx, cancel := event.Margin(ctx, h.config.Margin)
	defer cancel()
	var q Request
	if len(payload) > 0 {
		if err := event.Request(payload, &q); err != nil {
			return nil, lake.Errorf(err, `send {} or {"from":"2026-01-31T12:00:00Z","to":"2026-01-31T13:00:00Z","stream":true}`, "the request cannot be read")
		}
	}
	report, rest, err := h.run(ctx, q)
	if err != nil {
		return nil, err
	}
	told := 0
	if q.Rest != nil {
		told = len(q.Rest.Found.Problems)
	}
	for _, p := range report.Problems[told:] {
		h.config.Log.Error("the books do not balance", "problem", p, "from", report.From, "to", report.To)
	}
	if rest != nil {
		if err := h.handOn(outer, q, report, rest); err != nil {
			return nil, err
		}
	}
	h.config.Done(report)
	return json.Marshal(report)
}

// handOn starts the call that looks at the rest.
func (h *Handler) handOn(ctx context.Context, q Request, r *Report, rest *Rest) error {
	if h.config.Again == nil {
		return lake.Errorf(lake.ErrLimit, "give the call more time", "%d pieces from %s to %s are not looked at yet", r.Left, r.From, r.To)
	}
	next := Request{From: r.From.Time().Format(time.RFC3339), To: r.To.Time().Format(time.RFC3339), Stream: q.Stream, Rest: rest}
	if err := h.config.Again(ctx, next); err != nil {
		return lake.Errorf(err, "start it again for these hours", "hand on the rest of the audit from %s to %s, %d pieces", r.From, r.To, r.Left)
	}
	h.config.Log.Info("the rest was handed on", "from", r.From, "to", r.To, "after", rest.After, "left", r.Left, "calls", rest.Calls)
	return nil
}

// run looks at the pieces that are left, as far as the time goes. rest is not nil
// when pieces are left.
func (h *Handler) run(ctx context.Context, q Request) (*Report, *Rest, error) {
	r := &Report{Found: Found{Problems: []string{}}, Rows: []Row{}}
	rest := q.Rest
	if rest == nil {
		rest = &Rest{Scheduled: q.From == "" && q.To == ""}
	} else if rest.Calls >= maxCalls {
		return nil, nil, lake.Errorf(lake.ErrLimit, "look at why it does not get on, then start it again for fewer hours", "an audit of %d calls", rest.Calls)
	}
	var err error
	if r.From, r.To, err = h.hours(q); err != nil {
		return nil, nil, err
	}
	a := newAuditor(h.config, r, rest)
	if err := a.open(ctx); err != nil {
		return nil, nil, err
	}
	pieces, err := a.pieces(ctx, q.Stream)
	if err != nil {
		return nil, nil, err
	}
	left, err := a.look(ctx, pieces)
	if err != nil {
		return nil, nil, err
	}
	r.InFlight = len(a.waiting)
	if r.Left = len(left); r.Left == 0 {
		r.Finished = true
		return r, nil, nil
	}
	return r, a.rest(left[0]), nil
}

// look looks at one piece after the other. It returns those that are left when
// the time is over.
func (a *auditor) look(ctx context.Context, pieces []piece) (left []piece, err error) {
	looked := false
	for len(pieces) > 0 {
		p := &pieces[0]
		f := &finding{books: books{}}
		err := p.look(ctx, a.part, f)
		switch {
		case errors.Is(err, errTooMany) && len(a.part) < maxPart:
			a.part += "0"
			looked = true // the next call need not find that out again
			continue
		case errors.Is(err, errTooMany):
			a.pass(p, "has one event more often than there is memory for")
			pieces = pieces[1:]
			continue
		case errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil:
			if !looked { // it had all of a call's time
				a.pass(p, "does not fit into the time of one call")
				pieces = pieces[1:]
			}
			return pieces, nil
		case err != nil:
			return nil, err
		}
		looked = true
		a.report.add(f.Found)
		a.books.add(f.books)
		if a.part = next(a.part); a.part == "" {
			a.after, pieces = p.key, pieces[1:]
		}
	}
	return nil, nil
}

// pass goes on without a piece, and says so.
func (a *auditor) pass(p *piece, why string) {
	a.report.add(Found{Unread: 1, Problems: []string{p.name + " " + why + ": it is not looked at"}})
	a.after, a.part, a.passed = p.key, "", p.books
}
