package ingest_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/levels"
)

// away is a ledger that does not answer while it is away.
type away struct {
	lake.Ledger
	away atomic.Bool
}

func (a *away) Position(ctx context.Context, shard lake.ShardID) (lake.Position, error) {
	if a.away.Load() {
		return lake.Position{}, lake.ErrFull
	}
	return a.Ledger.Position(ctx, shard)
}

func (a *away) Commit(ctx context.Context, c lake.Commit) error {
	if a.away.Load() {
		return lake.ErrFull
	}
	return a.Ledger.Commit(ctx, c)
}

// TestAWorkerThatFailsForLongSaysSoAsAnError: alarms look for errors. What
// passes soon is none, and after good work a failure is a new one that is tried
// again at once.
func TestAWorkerThatFailsForLongSaysSoAsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		ledger := &away{Ledger: r.ledger}
		r.ledger = ledger
		log := levels.New()
		committed := make(chan lake.Commit, 10)
		w := r.worker(t, ingest.Options{FlushAge: time.Second, Log: slog.New(log), Committed: func(c lake.Commit) { committed <- c }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()

		for range 3 { // of each time the minute begins anew
			ledger.away.Store(true)
			r.append(t, event("1", "a:b"))
			time.Sleep(50 * time.Second)
			if n := log.Count(slog.LevelError); n > 0 {
				t.Fatalf("%d errors in 50 seconds", n)
			}
			ledger.away.Store(false)
			<-committed
		}
		before := log.Count(slog.LevelWarn)
		ledger.away.Store(true)
		r.append(t, event("2", "a:b"))
		time.Sleep(2 * time.Second)
		if n := log.Count(slog.LevelWarn) - before; n < 3 {
			t.Errorf("%d tries in the first second after good work", n)
		}
		time.Sleep(70 * time.Second)
		if log.Count(slog.LevelError) == 0 {
			t.Error("no error after more than a minute")
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}
