package event

import (
	"context"
	"time"
)

// Margin returns a context that ends a margin before the deadline of a call, so
// that the answer still leaves. A call without a deadline has all time.
func Margin(ctx context.Context, margin time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-margin))
	}
	return context.WithCancel(ctx)
}
