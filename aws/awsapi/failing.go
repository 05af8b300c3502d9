package awsapi

import (
	"log/slog"
	"time"
)

// patience is how long a task may fail until somebody should look: throttling,
// or a service that is away for a moment, has passed by then.
const patience = time.Minute

// Failing is since when a task that is done again and again has not once been
// done. The zero value is one that works. It belongs to one goroutine at a time.
type Failing struct{ since time.Time }

// Failed notes a failure, and returns the level to log it with: a warning, but
// an error when the first in a row is a minute old. Alarms look for errors.
func (f *Failing) Failed() slog.Level {
	if f.since.IsZero() {
		f.since = time.Now()
	}
	if time.Since(f.since) >= patience {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// Worked notes that the task was done: the next failure is a new one.
func (f *Failing) Worked() { *f = Failing{} }
