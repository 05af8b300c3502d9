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
)

// said counts the lines of a log by level.
type said struct {
	slog.Handler
	warnings, errors, hints atomic.Int64
}

func (s *said) Enabled(context.Context, slog.Level) bool { return true }

func (s *said) Handle(_ context.Context, r slog.Record) error {
	switch r.Level {
	case slog.LevelWarn:
		s.warnings.Add(1)
	case slog.LevelError:
		s.errors.Add(1)
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "hint" && a.Value.String() != "" {
				s.hints.Add(1)
			}
			return true
		})
	}
	return nil
}

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
				store, st, log := newLeases(), newStream(2), &said{Handler: slog.DiscardHandler}
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
				if log.warnings.Load() < 5 || log.errors.Load() > 0 || len(m.Held()) == 0 {
					t.Errorf("50 seconds: %d warnings, %d errors, works on %v", log.warnings.Load(), log.errors.Load(), m.Held())
				}
				deny(true)
				time.Sleep(2 * time.Minute)
				if n := log.errors.Load(); n < 5 || log.hints.Load() != n {
					t.Errorf("2 minutes: %d errors, %d with a hint", n, log.hints.Load())
				}
				deny(false)
				time.Sleep(2 * renew)
				before := log.errors.Load() + log.warnings.Load()
				time.Sleep(time.Minute)
				if n := log.errors.Load() + log.warnings.Load() - before; n > 0 {
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
