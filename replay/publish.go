package replay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Target takes published events. Publish returns when they are safe there; a
// repeat of a call may publish them again, which is harmless: ids stay.
type Target interface {
	Publish(ctx context.Context, events []lake.Event) error
}

// Checker is a Target that looks at each event, with what raw knows of it, before
// it takes any of the batch. An error ends the replay.
type Checker interface {
	Target
	Check(body []byte, f *raw.Fields) error
}

// Pace is how fast to publish: at Speed times the speed at which the events
// were received; 0 is as fast as the target takes them. Gaps longer than
// MaxGap (0: no limit) are cut to it.
type Pace struct {
	Speed  float64
	MaxGap time.Duration
}

// Published is what a Publish did.
type Published struct {
	Files  int   `json:"files"`
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
}

// batchEvents and batchBytes bound one call to a target.
const (
	batchEvents = 1000
	batchBytes  = 4 << 20
)

// Publish sends the events of the files that the range holds to the target, in
// the order in which the lake received them as far as files keep it, with
// their original ids, sources and bodies. It can be stopped and repeated at
// any moment. ErrInvalid when the range is not valid. progress may be nil.
func Publish(ctx context.Context, lines *raw.Reader, files []lake.File, r Range, pace Pace, to Target, progress func(Published)) (Published, error) {
	p := &publisher{to: to, pace: pace, wait: lake.Sleep}
	p.checker, _ = to.(Checker)
	if err := r.Validate(); err != nil {
		return p.done, err
	}
	for _, f := range files {
		err := eachEvent(ctx, lines, f, r, func(body []byte, fields *raw.Fields) error {
			return p.add(ctx, body, fields)
		})
		if err == nil {
			err = p.flush(ctx)
		}
		if err != nil {
			return p.done, fmt.Errorf("replay: %w", f.Key.Named(err))
		}
		p.done.Files++
		if progress != nil {
			progress(p.done)
		}
	}
	return p.done, nil
}

type publisher struct {
	to      Target
	checker Checker // to, or nil
	pace    Pace
	events  []lake.Event
	bytes   int
	done    Published
	last    lake.Instant
	wait    func(context.Context, time.Duration) error
}

func (p *publisher) add(ctx context.Context, body []byte, f *raw.Fields) error {
	if p.checker != nil {
		if err := p.checker.Check(body, f); err != nil {
			return err
		}
	}
	if p.pace.Speed > 0 && p.last != 0 && f.Received > p.last {
		gap := f.Received.Sub(p.last)
		if p.pace.MaxGap > 0 {
			gap = min(gap, p.pace.MaxGap)
		}
		if d := time.Duration(float64(gap) / p.pace.Speed); d > time.Millisecond {
			if err := p.flush(ctx); err != nil {
				return err
			}
			if err := p.wait(ctx, d); err != nil {
				return err
			}
		}
	}
	p.last = max(p.last, f.Received)
	p.events = append(p.events, lake.Event{ID: f.ID, Source: f.Source, Received: f.Received, Body: slices.Clone(body)})
	p.bytes += len(body)
	if len(p.events) >= batchEvents || p.bytes >= batchBytes {
		return p.flush(ctx)
	}
	return nil
}

func (p *publisher) flush(ctx context.Context) error {
	if len(p.events) == 0 {
		return nil
	}
	if err := p.to.Publish(ctx, p.events); err != nil {
		return err
	}
	p.done.Events += int64(len(p.events))
	p.done.Bytes += int64(p.bytes)
	p.events, p.bytes = p.events[:0], 0
	return nil
}
