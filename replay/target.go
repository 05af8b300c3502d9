package replay

import (
	"context"

	"github.com/eventlake/lake"
)

// ToStream publishes into a stream, e.g. the lake's own: every event there is
// a duplicate, which shows that nothing can be counted twice.
func ToStream(s lake.Stream, clock lake.Clock) Target { return streamTarget{s, clock} }

type streamTarget struct {
	stream lake.Stream
	clock  lake.Clock
}

func (t streamTarget) Publish(ctx context.Context, events []lake.Event) error {
	now := t.clock()
	for i := range events {
		events[i].Received = now
	}
	return t.stream.Append(ctx, events)
}

// TargetFunc makes a target of a function.
type TargetFunc func(context.Context, []lake.Event) error

// Publish implements Target.
func (f TargetFunc) Publish(ctx context.Context, events []lake.Event) error { return f(ctx, events) }
