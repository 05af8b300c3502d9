package pool

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// notes takes what a process writes to standard error: what it logs is logged
// here, of anything else the last of it is kept.
type notes struct {
	log *slog.Logger

	mu   sync.Mutex
	line []byte
	rest []byte
}

const (
	longestLine = 64 << 10
	longestTail = 4 << 10
)

// Write implements io.Writer.
func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.line = append(n.line, b...)
	for {
		line, rest, ok := bytes.Cut(n.line, []byte("\n"))
		if !ok {
			break
		}
		n.take(line)
		n.line = append(n.line[:0], rest...)
	}
	if len(n.line) > longestLine {
		n.take(n.line)
		n.line = n.line[:0]
	}
	return len(b), nil
}

func (n *notes) take(line []byte) {
	var record map[string]any
	if bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &record) == nil {
		n.repeat(record)
		return
	}
	// The beginning of what a crash says is what tells, so it is kept.
	if room := longestTail - len(n.rest); room > 0 {
		n.rest = append(append(n.rest, line[:min(len(line), room)]...), '\n')
	}
}

// repeat logs what the process has logged.
func (n *notes) repeat(record map[string]any) {
	text := func(key string) string {
		s, ok := record[key].(string)
		if !ok {
			return ""
		}
		delete(record, key)
		return s
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(text(slog.LevelKey))); err != nil {
		level = slog.LevelWarn
	}
	text(slog.TimeKey)
	msg := text(slog.MessageKey)
	var attrs []slog.Attr
	for k, v := range record {
		attrs = append(attrs, slog.Any(k, v))
	}
	slices.SortFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	n.log.LogAttrs(context.Background(), level, msg, attrs...)
}

func (n *notes) tail() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.rest) + string(n.line)
}

// outOfMemory reports whether lack of memory ended the process: it says so
// itself, the kernel killed it, or an allocation failed where nothing could be
// done about it.
func outOfMemory(state *os.ProcessState, tail string) bool {
	if state.ExitCode() == ExitMemory {
		return true
	}
	if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL {
		return true
	}
	for _, sign := range []string{"out of memory", "bad_alloc", "cannot allocate memory", "Cannot allocate memory", "failed to create new OS thread"} {
		if strings.Contains(tail, sign) {
			return true
		}
	}
	return false
}
