package assemble

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/admin"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/replay"
)

// Names of the operations that commands call, in this process or, through
// package admin, in the one that runs the lake.
const (
	OpStatus          = "status"
	OpVerify          = "verify"
	OpCompact         = "compact"
	OpQuarantineList  = "quarantine-list"
	OpQuarantineRetry = "quarantine-retry"
	OpReplay          = "replay"
	OpRebuild         = "rebuild"
	OpAcceptLosses    = "accept-losses"
	OpTail            = "tail"
	OpTailSave        = "tail-save"
	OpTailForget      = "tail-forget"
)

// Ops returns the operations over this lake.
func (l *Local) Ops() admin.Ops {
	tails := newTails(l)
	return admin.Ops{
		OpStatus:          op(l.opStatus),
		OpVerify:          reading(&l.upkeep, op(l.opVerify)),
		OpCompact:         op(l.opCompact),
		OpQuarantineList:  reading(&l.upkeep, op(l.opQuarantineList)),
		OpQuarantineRetry: reading(&l.upkeep, op(l.opQuarantineRetry)),
		OpReplay:          reading(&l.upkeep, op(l.opReplay)),
		OpRebuild:         op(l.opRebuild),
		OpAcceptLosses:    op(l.opAccept),
		OpTail:            op(tails.opTail),
		OpTailSave:        op(tails.opSave),
		OpTailForget:      op(tails.opForget),
	}
}

// op decodes the arguments of an operation.
func op[A any](f func(context.Context, A, func(any)) (any, error)) admin.Op {
	return func(ctx context.Context, in json.RawMessage, emit func(any)) (any, error) {
		var args A
		if err := json.Unmarshal(in, &args); err != nil {
			return nil, fmt.Errorf("arguments: %w: %w", err, lake.ErrInvalid)
		}
		return f(ctx, args, emit)
	}
}

// Step is the progress of an operation: done of total (0: unknown).
type Step struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	What  string `json:"what"`
}

func (l *Local) opCompact(ctx context.Context, args CompactArgs, _ func(any)) (any, error) {
	unmerged := l.MergeRaw(ctx) // a raw file that is damaged holds up no table
	report, err := l.Compact(ctx, args)
	if err != nil {
		return nil, errors.Join(unmerged, err)
	}
	return report, errors.Join(unmerged, l.Tidy(ctx))
}

// QuarantineArgs choose entries.
type QuarantineArgs struct {
	quarantine.Filter
	Limit  int  `json:"limit,omitempty"`  // entries to list; 0: all
	Bodies bool `json:"bodies,omitempty"` // list with bodies
}

// opQuarantineList emits every chosen entry as progress and returns how many.
func (l *Local) opQuarantineList(ctx context.Context, args QuarantineArgs, emit func(any)) (any, error) {
	journal, err := l.Ledger.Journal(ctx)
	if err != nil {
		return nil, err
	}
	var n int64
	for f := range journal.Files(lake.KindQuarantine) {
		for e, err := range quarantine.Entries(ctx, l.Lines, f) {
			if err != nil {
				return nil, err
			}
			if !args.Matches(&e) {
				continue
			}
			if n++; args.Limit > 0 && n > int64(args.Limit) {
				continue
			}
			if !args.Bodies {
				e.Body, e.Base64 = nil, nil
			}
			emit(e)
		}
	}
	return n, nil
}

func (l *Local) opQuarantineRetry(ctx context.Context, args QuarantineArgs, _ func(any)) (any, error) {
	r := quarantine.Retrier{Ledger: l.Ledger, Stream: l.Stream, Lines: l.Lines, Gzip: l.Gzip, Sources: l.Sources, Clock: l.Clock}
	return r.Retry(ctx, args.Filter)
}

// ReplayArgs choose what is published again, and how.
type ReplayArgs struct {
	Range replay.Range `json:"range"`
	Pace  replay.Pace  `json:"pace"`
	// To is "stream" (this lake's own) or "emit": every event's body comes
	// back as progress, for the caller to send on.
	To string `json:"to"`
	// OneSource refuses a range that may hold events of several sources, for
	// targets that do not keep the source: sent again from there, ids of one
	// source would become ids of another.
	OneSource bool `json:"one_source,omitempty"`
}

// ReplayEvent is one event of a replay to "emit".
type ReplayEvent struct {
	Source lake.SourceID `json:"source"`
	Body   string        `json:"body"`
}

func (l *Local) opReplay(ctx context.Context, args ReplayArgs, emit func(any)) (any, error) {
	journal, err := l.Ledger.Journal(ctx)
	if err != nil {
		return nil, err
	}
	if err := args.check(journal.Books()); err != nil {
		return nil, err
	}
	var target replay.Target
	switch args.To {
	case "stream":
		target = replay.SameRules(replay.ToStream(l.Stream, l.Clock), l.Sources, "replay --to a file")
	case "emit":
		target = replay.TargetFunc(func(_ context.Context, events []lake.Event) error {
			out := make([]ReplayEvent, len(events))
			for i := range events {
				out[i] = ReplayEvent{events[i].Source, string(events[i].Body)}
			}
			emit(out)
			return nil
		})
	default:
		return nil, lake.Errorf(lake.ErrInvalid, "use stream, an http URL or a file name", "replay to %q", args.To)
	}
	return replay.Publish(ctx, l.Lines, replay.Select(journal, args.Range), args.Range, args.Pace, target, nil)
}

// check looks at the sources and types that the books have events of. Books know
// types and hours of receipt, not the events' own days, so a range of days may be
// refused that holds one source only; naming that source is the way then too.
func (a ReplayArgs) check(books []lake.Tally) error {
	var all, meant, types []string
	for _, t := range books {
		source := string(t.Source)
		if t.Unique == 0 {
			continue
		}
		if !slices.Contains(all, source) {
			all = append(all, source)
		}
		if !slices.Contains(types, t.Type) {
			types = append(types, t.Type)
		}
		if a.Range.HoldsSource(t.Source) && a.Range.HoldsType(t.Type) && !slices.Contains(meant, source) {
			meant = append(meant, source)
		}
	}
	slices.Sort(all)
	slices.Sort(meant)
	for _, s := range a.Range.Sources {
		if !slices.Contains(all, string(s)) {
			return lake.Errorf(lake.ErrNotFound, "there are: "+strings.Join(all, ", "), "events of source %s", s)
		}
	}
	for _, want := range a.Range.Types {
		if !slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, want) }) {
			return lake.Errorf(lake.ErrNotFound, "see: lake tables", "events of type %s", want)
		}
	}
	if a.OneSource && len(meant) > 1 {
		return lake.Errorf(lake.ErrInvalid, "choose one with --source, and run it for each",
			"events of %d sources (%s) in one file, where nothing tells them apart", len(meant), strings.Join(meant, ", "))
	}
	return nil
}
