package ingest

import (
	"log/slog"
	"time"

	"github.com/eventlake/lake"
)

const (
	shortestPause = 50 * time.Millisecond
	longestPause  = 5 * time.Second
	// calm is how long a worker has to work until a failure is a new one.
	calm = 30 * time.Second
	// patience is how long a worker may fail until somebody should look: what
	// passes by itself, as throttling or another worker's commit, has passed.
	patience = time.Minute
)

// tries is how often in a row a worker has failed, and since when. The zero
// value is a worker that has not.
type tries struct {
	pause time.Duration
	since time.Time
	at    lake.Position // the furthest that was committed when it failed
}

// failed notes a failure of work that began at a time and has come to a
// position. It returns how long to wait, and how bad it is: alarms look for
// errors.
func (t *tries) failed(began time.Time, at lake.Position) (pause time.Duration, level slog.Level) {
	if t.since.IsZero() || at.After(t.at) || time.Since(began) >= calm {
		*t = tries{since: time.Now(), at: t.at}
	}
	if at.After(t.at) { // it is 0 while the ledger does not say where the shard is
		t.at = at
	}
	t.pause = min(max(2*t.pause, shortestPause), longestPause)
	if time.Since(t.since) >= patience {
		return t.pause, slog.LevelError
	}
	return t.pause, slog.LevelWarn
}
