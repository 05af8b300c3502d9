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
	Objects arrivals.Report `json:"objects"`
	// Aside is what was set aside in this call: damaged objects, and such as are
	// gone. Settled are those whose reports were taken away.
	Aside   []arrivals.Aside    `json:"aside,omitempty"`
	Settled []lake.Key          `json:"settled,omitempty"`
	Tables  stage.Report        `json:"tables"`
	Compact stage.CompactReport `json:"compact"`
	Expired lake.Maintenance    `json:"expired"`
	Forgot  int                 `json:"forgot"`
	Swept   *arrivals.Swept     `json:"swept,omitempty"` // raw files that were never committed
	Waiting int                 `json:"waiting"`         // raw files that are not in their tables
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
	// Task is "curate" (default); "upkeep": find, compact, expire, too; "again":
	// take the objects of the keys in anew, as they are now; "accept-loss": tell of
	// those that are set aside no more; or "leftovers": list the raw files that
	// workers wrote and never committed, and delete them with Delete.
	Task   string     `json:"task"`
	Keys   []lake.Key `json:"keys,omitempty"`
	Delete bool       `json:"delete,omitempty"`
}

const hintTask = `send {"task":"curate"}, {"task":"upkeep"}, {"task":"again","keys":["raw/..."]}, {"task":"accept-loss","keys":["raw/..."]} or {"task":"leftovers"}`

// read reads a task, and refuses what is none.
func (t *Task) read(payload []byte) error {
	if err := event.Request(payload, t); err != nil {
		return lake.Errorf(err, hintTask, "the task cannot be read")
	}
	keyed := false
	switch t.Task {
	case "", "curate", "upkeep", "leftovers":
	case "again", "accept-loss":
		keyed = true
	default:
		return lake.Errorf(lake.ErrInvalid, hintTask, "task %q", t.Task)
	}
	switch {
	case keyed != (len(t.Keys) > 0):
		return lake.Errorf(lake.ErrInvalid, hintTask, "task %q with %d keys", t.Task, len(t.Keys))
	case t.Delete && t.Task != "leftovers":
		return lake.Errorf(lake.ErrInvalid, hintTask, "task %q with delete", t.Task)
	}
	return nil
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
	if err := task.read(payload); err != nil {
		return nil, err
	}
	var err error
	switch task.Task {
	case "", "curate":
		err = h.tables(ctx, &r)
	case "upkeep":
		err = h.upkeep(ctx, &r)
	case "again":
		err = h.again(ctx, task.Keys, &r)
	case "accept-loss":
		r.Settled, err = arrivals.Settle(ctx, h.config.Store, task.Keys)
	case "leftovers":
		if !h.config.Committed {
			return nil, lake.Errorf(lake.ErrInvalid, "leave it: whatever lies in raw is taken in here", "leftovers are those of workers, and this lake has none")
		}
		err = h.sweep(ctx, !task.Delete, &r)
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
	return failures, h.register(ctx, objects, r)
}

// register makes files of the ledger of the objects. What of them was set aside
// is as good as new until it is looked at again.
func (h *Handler) register(ctx context.Context, objects []lake.Info, r *Report) (err error) {
	r.Objects, err = arrivals.Register(ctx, h.config.Ledger, objects)
	for _, key := range r.Objects.Foreign {
		h.config.Log.Warn("not a raw or quarantine object", "key", key)
	}
	if err != nil || len(objects) == 0 {
		return err
	}
	keys := make([]lake.Key, len(objects))
	for i := range objects {
		keys[i] = objects[i].Key
	}
	r.Settled, err = arrivals.Settle(ctx, h.config.Store, keys)
	return err
}

// again registers objects as they lie in the store, also such as the ledger
// names, and takes them in.
func (h *Handler) again(ctx context.Context, keys []lake.Key, r *Report) error {
	var objects []lake.Info
	for _, key := range keys {
		at := len(objects)
		for info, err := range h.config.Store.List(ctx, key) {
			if err != nil {
				return err
			}
			if info.Key == key {
				info.Time = h.config.Clock() // later than whatever the ledger has
				objects = append(objects, info)
			}
			break // keys are sorted
		}
		if len(objects) == at {
			return lake.Errorf(lake.ErrNotFound, "bring the object's last good version back first", "%s", key)
		}
	}
	if err := h.register(ctx, objects, r); err != nil {
		return err
	}
	return h.tables(ctx, r)
}

// tables takes in what is registered. When a table fails it may be for an object
// that is damaged or gone: such ones are set aside, and it is tried once more.
func (h *Handler) tables(ctx context.Context, r *Report) (err error) {
	r.Tables, err = h.config.Curator.Once(ctx)
	if errors.Is(err, lake.ErrCorrupt) || errors.Is(err, lake.ErrNotFound) || errors.Is(err, lake.ErrInvalid) {
		aside, aerr := arrivals.SetAside(ctx, h.config.Ledger, h.config.Store, h.config.Catalog, h.config.Clock())
		r.Aside = append(r.Aside, aside...)
		for _, a := range aside {
			h.config.Log.Error("a raw object is set aside", "key", a.Key, "reason", a.Reason, "hint", hintAside)
		}
		if aerr != nil {
			err = errors.Join(err, aerr)
		}
		if len(aside) > 0 {
			var more stage.Report
			more, err = h.config.Curator.Once(ctx)
			r.Tables = sum(r.Tables, more)
			err = errors.Join(err, aerr)
		}
	}
	pending, perr := h.config.Ledger.Pending(context.WithoutCancel(ctx))
	r.Waiting = len(pending)
	return errors.Join(err, perr)
}

func sum(a, b stage.Report) stage.Report {
	return stage.Report{
		Commits: a.Commits + b.Commits, Events: a.Events + b.Events, Rows: a.Rows + b.Rows, Files: a.Files + b.Files, Bytes: a.Bytes + b.Bytes,
		LateDuplicates: a.LateDuplicates + b.LateDuplicates, Conflicts: a.Conflicts + b.Conflicts,
	}
}

// hintAside goes with every object that is set aside.
const hintAside = `put a good version of the object under its key: its events come in with the notification, or with {"task":"again","keys":[KEY]}; to give it up send {"task":"accept-loss","keys":[KEY]}`

// upkeep finds what was not told, takes it in, and keeps the lake small. Each
// part has a share of the time and goes on at the next call, so none keeps the
// others from being reached, by its length or by an error.
func (h *Handler) upkeep(ctx context.Context, r *Report) error {
	now := h.config.Clock()
	var errs []error
	for _, part := range []struct {
		name string
		of   int // of the time that is left
		work func(context.Context) error
	}{
		{"find", 4, func(ctx context.Context) error { return h.find(ctx, now, r) }},
		{"curate", 2, func(ctx context.Context) error { return h.tables(ctx, r) }},
		{"compact", 2, func(ctx context.Context) (err error) {
			r.Compact, err = h.config.Curator.Compact(ctx, stage.CompactOptions{})
			return err
		}},
		{"expire", 2, func(ctx context.Context) error { return h.expire(ctx, r) }},
		{"sweep", 4, func(ctx context.Context) error {
			if !h.config.Committed {
				return nil
			}
			return h.sweep(ctx, false, r)
		}},
		{"forget", 1, func(ctx context.Context) error { return h.forget(ctx, r) }},
	} {
		within, cancel := share(ctx, part.of)
		err := part.work(within)
		if err != nil && within.Err() != nil && ctx.Err() == nil {
			h.config.Log.Info("a part of the upkeep goes on at the next call", "part", part.name)
			err = nil
		}
		cancel()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// share returns a context that has the given part of the time that is left. A
// call without a deadline has all time.
func share(ctx context.Context, of int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(of))
}

func (h *Handler) find(ctx context.Context, now lake.Instant, r *Report) error {
	if h.config.Committed {
		return nil
	}
	// What was found is registered in the second half: a listing uses up its own.
	listing, cancel := share(ctx, 2)
	defer cancel()
	found, finished, err := arrivals.Find(listing, h.config.Store, now)
	if err != nil {
		return err
	}
	if !finished {
		h.config.Log.Info("the rest of raw is listed by the next calls", "found", len(found))
	}
	return h.register(ctx, found, r)
}

// sweep deletes what workers have left in raw, or only lists it.
func (h *Handler) sweep(ctx context.Context, dry bool, r *Report) error {
	swept, err := arrivals.Sweep(ctx, h.config.Ledger, h.config.Store, h.config.Clock(), dry)
	r.Swept = &swept
	if swept.Objects > 0 && !dry {
		h.config.Log.Info("raw files that were never committed are deleted", "objects", swept.Objects, "bytes", swept.Bytes,
			"first", swept.Keys[0], "last", swept.Keys[len(swept.Keys)-1])
	}
	return err
}

func (h *Handler) forget(ctx context.Context, r *Report) error {
	curated, err := h.config.Ledger.Curated(ctx)
	if err != nil {
		return err
	}
	now := h.config.Clock() // after the mark was read
	rested, err := arrivals.Rested(ctx, h.config.Store, curated, now)
	if err != nil {
		return err
	}
	r.Forgot, err = arrivals.Forget(ctx, h.config.Ledger, rested, now)
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
