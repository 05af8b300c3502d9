// Package audit is the Lambda that holds the books of the lake's parts against
// each other, hour by hour: what the stream holds, what the receipts, or the
// workers' commits, say became of it, what lies in raw, and what is in the tables. A gap is a number, a
// metric, and a line that names its place.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventlake/lake"
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
	// Settle is how long after its end an hour is looked at: buffers of the
	// delivery, and the curate schedule. Default 2 h.
	Settle time.Duration
	Clock  lake.Clock
	Done   func(*Report) // for metrics; may be nil
	Log    *slog.Logger
}

// Request chooses the hours; the zero Request is the last hour that is settled.
type Request struct {
	From string `json:"from,omitempty"` // RFC 3339, a whole hour
	To   string `json:"to,omitempty"`   // exclusive
	// Stream counts the records of the stream again, too. It reads them all;
	// without it only the records between receipts are looked at.
	Stream bool `json:"stream,omitempty"`
}

// Report is the outcome of one audit.
type Report struct {
	From     lake.Instant `json:"from"`
	To       lake.Instant `json:"to"`
	Rows     []Row        `json:"rows"`
	Streamed int64        `json:"streamed"` // records of the stream that were looked at
	// Gap is how many events are missing somewhere, Doubled how many are in a
	// table more than once. InFlight are raw files that are not in their tables
	// yet: events that only these have are not missed in a table.
	Gap      int64    `json:"gap"`
	Doubled  int64    `json:"doubled"`
	InFlight int      `json:"in_flight"`
	Seams    int      `json:"seams"`    // ends of receipts behind which the stream was looked at
	Aside    int      `json:"aside"`    // raw objects that are set aside now, of any hour
	Problems []string `json:"problems"` // at most maxProblems, each with its place
}

// maxProblems bounds a report; the numbers count all.
const maxProblems = 100

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Handler audits, one call at a time.
type Handler struct{ config Config }

// New returns a Handler.
func New(c Config) *Handler {
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
	var q Request
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &q); err != nil {
			return nil, fmt.Errorf("request: %w: %w", err, lake.ErrInvalid)
		}
	}
	report, err := h.run(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, p := range report.Problems {
		h.config.Log.Error("the books do not balance", "problem", p, "from", report.From, "to", report.To)
	}
	h.config.Done(report)
	return json.Marshal(report)
}

func (h *Handler) hours(q Request) (from, to lake.Instant, err error) {
	now := h.config.Clock()
	from = now.Add(-h.config.Settle - time.Hour).Hour()
	to = from.Add(time.Hour)
	for _, t := range []struct {
		text string
		at   *lake.Instant
	}{{q.From, &from}, {q.To, &to}} {
		if t.text == "" {
			continue
		}
		parsed, err := time.Parse(time.RFC3339, t.text)
		if *t.at = lake.InstantOf(parsed); err != nil || *t.at != t.at.Hour() {
			return 0, 0, lake.Errorf(lake.ErrInvalid, "write a whole hour, e.g. 2026-01-31T12:00:00Z", "time %q", t.text)
		}
	}
	if q.From != "" && q.To == "" {
		to = from.Add(time.Hour)
	}
	if to <= from {
		return 0, 0, lake.Errorf(lake.ErrInvalid, "make to later than from", "no hour from %s to %s", from, to)
	}
	return from, to, nil
}

func (h *Handler) run(ctx context.Context, q Request) (*Report, error) {
	r := &Report{Problems: []string{}}
	var err error
	if r.From, r.To, err = h.hours(q); err != nil {
		return nil, err
	}
	a := &auditor{Config: h.config, report: r, books: books{}, receipts: map[lake.ShardID][]lake.Receipt{},
		ids: map[lake.TableName]map[lake.ID]int32{}, tables: map[lake.TableName]lake.Table{}}
	if err := a.readReceipts(ctx); err != nil {
		return nil, err
	}
	if q.Stream && h.config.Stream != nil {
		if err := a.readStream(ctx); err != nil {
			return nil, err
		}
	}
	if !q.Stream && h.config.Probe != nil {
		if err := a.readSeams(ctx); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(a.readAside(ctx), a.readRaw(ctx), a.readTables(ctx)); err != nil {
		return nil, err
	}
	a.compare()
	r.Rows = a.books.sorted()
	return r, nil
}
