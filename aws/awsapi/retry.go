package awsapi

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/eventlake/lake"
)

// Retry tries calls again whose error may pass, with growing random pauses.
// The zero value is ready; one Retry may serve many goroutines. It is for calls
// that may be repeated: after ErrUnknown the call may have had its effect.
//
// Give the SDK's client aws.NopRetryer then, else each try is three.
type Retry struct {
	// Tries bounds the calls, the first included. Default: as many as there is
	// time for before the context's deadline, and 10 in a context without one.
	Tries int
	// Base is the longest pause before the second try; each further one may be
	// twice as long, up to Max. Defaults 50 ms and 2 s.
	Base, Max time.Duration
	// Wait pauses; it returns the context's error when that ends first. Tests
	// replace it.
	Wait func(context.Context, time.Duration) error

	again atomic.Int64
}

// Again is how many calls were tried again so far.
func (r *Retry) Again() int64 { return r.again.Load() }

// Do calls until the call succeeds, fails for good, or there is no time left
// for another try. It returns the last call's error, classified.
func (r *Retry) Do(ctx context.Context, call func(context.Context) error) error {
	for try := 0; ; try++ {
		err := Classify(call(ctx))
		if err == nil || !Passing(err) || ctx.Err() != nil {
			return err
		}
		pause, ok := r.Pause(ctx, try)
		if !ok || r.wait(ctx, pause) != nil {
			return err
		}
		r.again.Add(1)
	}
}

// Pause draws the pause after a failed try, counted from 0. It is not ok when
// the tries are used up or the context's deadline comes first: then a caller
// has what time is left for other things.
func (r *Retry) Pause(ctx context.Context, try int) (pause time.Duration, ok bool) {
	tries, base, longest := r.Tries, r.Base, r.Max
	deadline, bounded := ctx.Deadline()
	if tries == 0 && !bounded {
		tries = 10
	}
	if base <= 0 {
		base = 50 * time.Millisecond
	}
	if longest <= 0 {
		longest = 2 * time.Second
	}
	if tries > 0 && try+1 >= tries {
		return 0, false
	}
	const doublings = 20 // enough for any pause, and no overflow
	if grown := base << min(try, doublings); grown < longest {
		longest = grown
	}
	pause = rand.N(longest) + 1
	return pause, !bounded || time.Until(deadline) > pause
}

func (r *Retry) wait(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	return lake.Sleep(ctx, d)
}
