package ingest

import (
	"context"
	"time"
)

// What the steps of a Settle may have of the time before its deadline, in
// percent and counted from its begin. The rest is for the receipt, and to keep
// less when not everything was delivered.
const (
	claimsShare = 60
	namesShare  = 75
	flushShare  = 92
)

// shares are the contexts of the steps of a Settle.
type shares struct {
	claiming, naming, flushing context.Context
	cancels                    []context.CancelFunc
}

// share cuts the time that ctx leaves; all steps have all of it when there is
// no deadline.
func share(ctx context.Context) *shares {
	s := &shares{claiming: ctx, naming: ctx, flushing: ctx}
	deadline, ok := ctx.Deadline()
	if !ok {
		return s
	}
	now := time.Now()
	until := func(percent time.Duration) context.Context {
		part, cancel := context.WithDeadline(ctx, now.Add(deadline.Sub(now)/100*percent))
		s.cancels = append(s.cancels, cancel)
		return part
	}
	s.claiming, s.naming, s.flushing = until(claimsShare), until(namesShare), until(flushShare)
	return s
}

func (s *shares) end() {
	for _, cancel := range s.cancels {
		cancel()
	}
}
