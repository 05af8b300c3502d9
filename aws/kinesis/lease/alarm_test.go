package lease_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/laketest/levels"
)

// refused is a stream whose shards may at times not be listed.
type refused struct {
	*stream
	denied *atomic.Bool
}

var errDenied = lake.Errorf(awsapi.ErrDenied, "allow the role to do it", "not this role")

func (r refused) Shards(ctx context.Context) ([]lake.Shard, error) {
	if r.denied.Load() {
		return nil, errDenied
	}
	return r.stream.Shards(ctx)
}

// TestWhatIsDeniedForAMinuteIsAnError, whichever call it is: alarms look for
// errors. What passes sooner is none.
func TestWhatIsDeniedForAMinuteIsAnError(t *testing.T) {
	for _, call := range []string{"shards", "list", "swap", "create"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, st, log := newLeases(), newStream(2), levels.New()
				var denied, listed atomic.Bool
				store.fault = func(operation string) (error, bool) {
					if operation == call && denied.Load() {
						return errDenied, false
					}
					return nil, false
				}
				work := func(ctx context.Context, _ lake.ShardID) error {
					<-ctx.Done()
					return nil
				}
				m := lease.NewManager(store, refused{st, &listed}, work, lease.Options{Worker: "w", Expiry: expiry, Renew: renew, Log: slog.New(log)})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- m.Run(ctx) }()
				time.Sleep(time.Minute)

				deny := func(is bool) {
					denied.Store(is)
					listed.Store(is && call == "shards")
					if is && call == "create" {
						st.split(1)
					}
				}
				deny(true)
				time.Sleep(50 * time.Second)
				deny(false)
				time.Sleep(time.Minute)
				if log.Count(slog.LevelWarn) < 5 || log.Count(slog.LevelError) > 0 || len(m.Held()) == 0 {
					t.Errorf("50 seconds: %d warnings, %d errors, works on %v", log.Count(slog.LevelWarn), log.Count(slog.LevelError), m.Held())
				}
				deny(true)
				time.Sleep(2 * time.Minute)
				if n := log.Count(slog.LevelError); n < 5 || log.Hinted(slog.LevelError) != n {
					t.Errorf("2 minutes: %d errors, %d with a hint", n, log.Hinted(slog.LevelError))
				}
				deny(false)
				time.Sleep(2 * renew)
				before := log.Count(slog.LevelError) + log.Count(slog.LevelWarn)
				time.Sleep(time.Minute)
				if n := log.Count(slog.LevelError) + log.Count(slog.LevelWarn) - before; n > 0 {
					t.Errorf("%d lines after it has passed", n)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
