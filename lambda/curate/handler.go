// Package curate is the Lambda that turns raw objects into tables: told by
// S3's notifications through a queue, or by a schedule that also looks for
// objects whose notification was lost and does the upkeep.
package curate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	"github.com/eventlake/lake/aws/event"
	stage "github.com/eventlake/lake/curate"
)

// Ledger is what the handler needs of the ledger.
type Ledger interface {
	lake.Ledger
	lake.Backlog
}

// Config is what a Handler works with.
type Config struct {
	Ledger  Ledger
	Store   lake.Store
	Catalog lake.Catalog
	Curator *stage.Curator
	Bucket  string // whose notifications count
	// Committed says that workers commit all raw files, so that none has to be
	// looked for.
	Committed bool
	Keep      time.Duration // how long snapshots are kept
	Margin    time.Duration // before the deadline; default 10 s
	Clock     lake.Clock
	Done      func(Report) // after every call, for metrics; may be nil
	Log       *slog.Logger
}

// MinKeep is the least Config.Keep when a rebuild may be underway elsewhere: files
// that a Lambda wrote and has yet to commit must not be taken for garbage, and a
// Lambda lives at most 15 minutes (AWS Lambda quotas).
const MinKeep = 30 * time.Minute

// Report is what one call did.
type Report struct {
	Objects arrivals.Report     `json:"objects"`
	Tables  stage.Report        `json:"tables"`
	Compact stage.CompactReport `json:"compact"`
	Expired lake.Maintenance    `json:"expired"`
	Forgot  int                 `json:"forgot"`
	Waiting int                 `json:"waiting"` // raw files that are not in their tables
	Took    time.Duration       `json:"took_ns"`
}

// Handler works on one call at a time. Several processes may run: a table
// commit has one winner, and what the loser made is taken away.
type Handler struct{ config Config }

// New returns a Handler.
func New(c Config) *Handler {
	if c.Margin <= 0 {
		c.Margin = 10 * time.Second
	}
	if c.Clock == nil {
		c.Clock = lake.SystemClock
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Done == nil {
		c.Done = func(Report) {}
	}
	return &Handler{c}
}

// Task is what a schedule sends.
type Task struct {
	Task string `json:"task"` // "curate" (default), or "upkeep": find, compact, expire, too
}

// Invoke takes the payload of an SQS event source mapping, or a Task. Messages
// that are no notifications are reported as failures one by one, so that the
// queue sets them aside in the end. What could not be done before the deadline
// is left to the next call; nothing is lost by it, as objects are registered
// first.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	begun := time.Now()
	ctx, cancel := event.Margin(ctx, h.config.Margin)
	defer cancel()
	var r Report
	if messages, ok := event.Messages(payload); ok {
		failures, err := h.told(ctx, messages, &r)
		if err != nil {
			return nil, err
		}
		err = h.tables(ctx, &r)
		h.done(begun, &r, err)
		return failures.Encode(), nil // what is registered need not be told again
	}
	var task Task
	if err := json.Unmarshal(payload, &task); err != nil {
		return nil, fmt.Errorf("payload: %w: %w", err, lake.ErrInvalid)
	}
	var err error
	switch task.Task {
	case "", "curate":
		err = h.tables(ctx, &r)
	case "upkeep":
		err = h.upkeep(ctx, &r)
	default:
		return nil, lake.Errorf(lake.ErrInvalid, `send {"task":"curate"} or {"task":"upkeep"}`, "task %q", task.Task)
	}
	h.done(begun, &r, err)
	if err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

func (h *Handler) done(begun time.Time, r *Report, err error) {
	r.Took = time.Since(begun)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		h.config.Log.Info("the rest is left to the next call", "waiting", r.Waiting, "took", r.Took)
	case err != nil:
		h.config.Log.Error("curate", "error", err, "hint", lake.Hint(err))
	}
	h.config.Done(*r)
}

// told registers the objects that messages name. An error means that none of
// the messages is settled.
func (h *Handler) told(ctx context.Context, messages []event.Message, r *Report) (failures event.Failures, err error) {
	var objects []lake.Info
	for _, m := range messages {
		created, err := event.Created(m.Body, h.config.Bucket)
		if err != nil {
			h.config.Log.Error("a message is no notification of S3", "message", m.ID, "error", err)
			failures = append(failures, m.ID)
			continue
		}
		objects = append(objects, created...)
	}
	r.Objects, err = arrivals.Register(ctx, h.config.Ledger, objects)
	for _, key := range r.Objects.Foreign {
		h.config.Log.Warn("not a raw or quarantine object", "key", key)
	}
	return failures, err
}

// tables takes in what is registered.
func (h *Handler) tables(ctx context.Context, r *Report) error {
	report, err := h.config.Curator.Once(ctx)
	r.Tables = report
	pending, perr := h.config.Ledger.Pending(context.WithoutCancel(ctx))
	r.Waiting = len(pending)
	return errors.Join(err, perr)
}

// upkeep finds what was not told, takes it in, and keeps the lake small.
func (h *Handler) upkeep(ctx context.Context, r *Report) error {
	now := h.config.Clock()
	if err := h.find(ctx, now, r); err != nil {
		return err
	}
	if err := h.tables(ctx, r); err != nil {
		return err
	}
	var err error
	if r.Compact, err = h.config.Curator.Compact(ctx, stage.CompactOptions{}); err != nil {
		return err
	}
	if err := h.expire(ctx, r); err != nil {
		return err
	}
	curated, err := h.config.Ledger.Curated(ctx)
	if err != nil {
		return err
	}
	r.Forgot, err = arrivals.Forget(ctx, h.config.Ledger, curated, now)
	return err
}

func (h *Handler) find(ctx context.Context, now lake.Instant, r *Report) error {
	if h.config.Committed {
		return nil
	}
	found, err := arrivals.Find(ctx, h.config.Store, now)
	if err != nil {
		return err
	}
	r.Objects, err = arrivals.Register(ctx, h.config.Ledger, found)
	return err
}

func (h *Handler) expire(ctx context.Context, r *Report) error {
	tables, err := h.config.Catalog.Tables(ctx)
	if err != nil {
		return err
	}
	for _, name := range tables {
		m, err := h.config.Catalog.Maintain(ctx, name, h.config.Keep)
		if err != nil {
			return fmt.Errorf("maintain table %s: %w", name, err)
		}
		r.Expired.Snapshots += m.Snapshots
		r.Expired.Files += m.Files
		r.Expired.Bytes += m.Bytes
	}
	return nil
}
