// Package replay is the Lambda that takes events out of raw again, and settles
// what lambda-ingest gave up. What does not fit before its deadline it hands to
// itself. It may be started twice, stopped and repeated at any moment: published
// events keep their ids, a rebuilt day is swapped in by one table commit, and a
// batch that was given up is settled with its original owners.
package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	"github.com/eventlake/lake/aws/event"
	"github.com/eventlake/lake/raw"
	stage "github.com/eventlake/lake/replay"
	"github.com/eventlake/lake/transform"
)

// Config is what a Handler works with.
type Config struct {
	Ledger Ledger
	Store  lake.Store // every raw object in it is read, whether the ledger names it or not
	Lines  *raw.Reader
	// Target is where ToStream publishes, with a share of what the stream takes;
	// nil: not offered.
	Target func(share float64) (stage.Target, error)
	// Rules are those that ingest has for a source. ToStream refuses events in
	// which they read another id, name or time than they had; nil: it takes all.
	Rules     func(lake.SourceID) *transform.Transformer
	Rebuilder *stage.Rebuilder // without a ledger
	Drain     *Drain
	// Again starts this Lambda anew with the request, without waiting for it.
	Again  func(context.Context, Request) error
	Margin time.Duration // before the deadline; default 30 s
	Done   func(Report)  // after every call, for metrics; may be nil
	Log    *slog.Logger
}

// Report is what one call did.
type Report struct {
	Target    string          `json:"target"`
	DryRun    bool            `json:"dry_run,omitempty"`
	Published stage.Published `json:"published,omitzero"` // for a dry run: the files that would be
	Rebuilt   []stage.Rebuilt `json:"rebuilt,omitempty"`
	Drained   Drained         `json:"drained,omitzero"`
	Cursor    string          `json:"cursor,omitempty"` // what was done last
	Finished  bool            `json:"finished"`         // false: the rest was handed on
}

// Handler answers one call at a time.
type Handler struct{ config Config }

// New returns a Handler.
func New(c Config) *Handler {
	if c.Margin <= 0 {
		c.Margin = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Done == nil {
		c.Done = func(Report) {}
	}
	return &Handler{c}
}

// Invoke takes a Request, or the payload of a queue with S3's notifications
// about batches that were given up.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	outer := ctx
	ctx, cancel := event.Margin(ctx, h.config.Margin)
	defer cancel()
	if messages, ok := event.Messages(payload); ok {
		failures, drained := h.config.Drain.told(ctx, messages)
		h.config.Done(Report{Target: ToDrain, Drained: drained, Finished: len(failures) == 0})
		return failures.Encode(), nil
	}
	request, err := parseRequest(payload)
	if err != nil {
		return nil, err
	}
	from := request.Cursor
	report, err := h.run(ctx, &request)
	report.Target, report.DryRun, report.Cursor = request.Target, request.DryRun, request.Cursor
	if errors.Is(err, context.DeadlineExceeded) && outer.Err() == nil {
		request.Calls++
		request.Idle++
		if request.Cursor != from || report.Published.Events > 0 || report.Drained.Batches > 0 {
			request.Idle = 0
		}
		if err = h.config.Again(outer, request); err != nil {
			return nil, lake.Errorf(err, "start it again with this cursor", "hand on the rest of the replay from %q", request.Cursor)
		}
		h.config.Log.Info("the rest was handed on", "target", request.Target, "cursor", request.Cursor, "calls", request.Calls)
	} else if err != nil {
		h.config.Log.Error("replay", "target", request.Target, "cursor", request.Cursor, "error", err, "hint", lake.Hint(err))
		return nil, err
	} else {
		report.Finished = true
	}
	h.config.Done(report)
	return json.Marshal(report)
}

// run does the request and keeps its cursor at what was done last.
func (h *Handler) run(ctx context.Context, r *Request) (Report, error) {
	switch r.Target {
	case ToStream:
		return h.publish(ctx, r)
	case ToRebuild:
		return h.rebuild(ctx, r)
	default:
		drained, err := h.config.Drain.all(ctx)
		return Report{Drained: drained}, err
	}
}

// publish sends the files behind the cursor, in the order in which they came.
func (h *Handler) publish(ctx context.Context, r *Request) (report Report, err error) {
	if h.config.Target == nil {
		return report, lake.Errorf(lake.ErrInvalid, "set LAKE_AWS_STREAM", "this replay has no stream")
	}
	window, err := r.window()
	if err != nil {
		return report, err
	}
	after, err := parsePlace(r.Cursor)
	if err != nil {
		return report, err
	}
	journal, err := h.whole().Journal(ctx)
	if err != nil {
		return report, err
	}
	if err := known(journal, nil, r.Types); err != nil {
		return report, err
	}
	files := slices.DeleteFunc(stage.Select(journal, window), func(f lake.File) bool { _, done := after.left(f); return done })
	target, err := h.config.Target(r.Share)
	if err != nil {
		return report, err
	}
	if h.config.Rules != nil {
		target = stage.SameRules(target, h.config.Rules, "leave them out with types, sources, from and to")
	}
	for i := range files {
		if r.DryRun {
			report.Published.Files++
			report.Published.Bytes += files[i].Bytes
			continue
		}
		before, _ := after.left(files[i])
		to := &rest{to: target, skip: before}
		_, err := stage.Publish(ctx, h.config.Lines, files[i:i+1], window, stage.Pace{}, to, nil)
		report.Published.Events += to.events
		report.Published.Bytes += to.bytes
		at := placeOf(files[i])
		if err != nil {
			if at.events = before + to.events; to.events > 0 {
				r.Cursor = at.String()
			}
			return report, err
		}
		report.Published.Files++
		r.Cursor = at.String()
	}
	return report, nil
}

// rest is a target for a file of which the first events were published before.
type rest struct {
	to            stage.Target
	skip          int64
	events, bytes int64 // that were published
}

// Check implements stage.Checker by the target's, if that has one.
func (t *rest) Check(body []byte, f *raw.Fields) error {
	if c, ok := t.to.(stage.Checker); ok {
		return c.Check(body, f)
	}
	return nil
}

// Publish implements stage.Target. A file gives its events in the same order
// every time.
func (t *rest) Publish(ctx context.Context, events []lake.Event) error {
	n := min(t.skip, int64(len(events)))
	t.skip, events = t.skip-n, events[n:]
	if len(events) == 0 {
		return ctx.Err()
	}
	if err := t.to.Publish(ctx, events); err != nil {
		return err
	}
	t.events += int64(len(events))
	for i := range events {
		t.bytes += int64(len(events[i].Body))
	}
	return nil
}

// whole has every raw object, listed once for all of a call.
func (h *Handler) whole() *arrivals.Whole {
	return &arrivals.Whole{Ledger: h.config.Ledger, Store: h.config.Store}
}

// rebuild makes the tables' days again, one table commit a day that differs.
func (h *Handler) rebuild(ctx context.Context, r *Request) (report Report, err error) {
	rebuilder := *h.config.Rebuilder
	rebuilder.Ledger = h.whole()
	tables, err := rebuilder.Tables(ctx, stage.RebuildOptions{})
	if err != nil {
		return report, err
	}
	journal, err := rebuilder.Ledger.Journal(ctx)
	if err != nil {
		return report, err
	}
	if err := known(journal, tables, r.Types); err != nil {
		return report, err
	}
	units, err := units(journal, r)
	if err != nil {
		return report, err
	}
	for _, u := range units {
		if r.Cursor != "" && u.String() <= r.Cursor {
			continue
		}
		if !slices.Contains(tables, u.table) {
			if r.DryRun {
				report.Rebuilt = append(report.Rebuilt, stage.Rebuilt{Table: u.table, RawFiles: u.files})
				continue
			}
			if err := h.restore(ctx, rebuilder.Catalog, u.table); err != nil {
				return report, err
			}
			tables = append(tables, u.table)
		}
		built, err := rebuilder.Table(ctx, u.table, stage.RebuildOptions{Table: u.table, From: &u.day, To: new(u.day + 1), DryRun: r.DryRun, Force: r.Force, DropMissing: r.DropMissing}, nil, nil)
		if err != nil {
			return report, fmt.Errorf("rebuild %s: %w", u, err)
		}
		report.Rebuilt = append(report.Rebuilt, built)
		r.Cursor = u.String()
	}
	return report, nil
}
