// Package levels is a log for tests that demand how bad something is said to be.
package levels

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// Log is a slog.Handler that keeps the levels of its lines, and which of them
// have a hint. It drops the rest.
type Log struct {
	slog.Handler
	mu     sync.Mutex
	said   []slog.Level
	hinted []slog.Level
}

// New returns a log without lines.
func New() *Log { return &Log{Handler: slog.DiscardHandler} }

// Enabled implements slog.Handler.
func (l *Log) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l *Log) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, r.Level)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "hint" && a.Value.String() != "" {
			l.hinted = append(l.hinted, r.Level)
		}
		return true
	})
	return nil
}

// Said returns the levels of the lines, in order.
func (l *Log) Said() []slog.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.said)
}

// Count is the number of lines of the level.
func (l *Log) Count(level slog.Level) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return count(l.said, level)
}

// Hinted is the number of lines of the level that have a hint.
func (l *Log) Hinted(level slog.Level) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return count(l.hinted, level)
}

func count(levels []slog.Level, level slog.Level) (n int) {
	for _, l := range levels {
		if l == level {
			n++
		}
	}
	return n
}
