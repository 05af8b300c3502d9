package lake

import (
	"errors"
	"fmt"
)

// The closed set of errors that callers tell apart with errors.Is. Adapters
// map what their backend says onto these; everything else is a failure to be
// reported and, where the protocol allows, retried.
var (
	// ErrNotFound: the named object, table or shard does not exist.
	ErrNotFound = errors.New("not found")
	// ErrExists: an object of that name exists with other content.
	ErrExists = errors.New("already exists with other content")
	// ErrStale: a compare-and-set lost; read the state again and decide anew.
	ErrStale = errors.New("stale: the state has moved on")
	// ErrTrimmed: the position is older than what the stream still keeps.
	ErrTrimmed = errors.New("trimmed: older than the stream's retention")
	// ErrCorrupt: stored bytes fail their checksum or their format.
	ErrCorrupt = errors.New("corrupt")
	// ErrFull: no room (disk, memory limit); try again later. Nothing was stored.
	ErrFull = errors.New("no room")
	// ErrInvalid: the caller's input is wrong; a retry cannot help.
	ErrInvalid = errors.New("invalid")
	// ErrLocked: another process holds the data directory.
	ErrLocked = errors.New("locked")
	// ErrClosed: the component was closed, or stopped itself after a failed fsync.
	ErrClosed = errors.New("closed")
	// ErrEnded: the shard is closed and everything in it was read (after a
	// reshard; its children go on).
	ErrEnded = errors.New("ended: the shard is closed")
	// ErrLimit: the work exceeds a configured limit (rows, bytes, time).
	ErrLimit = errors.New("limit exceeded")
)

// Hinted is an error for an operator: one of the errors above, what happened,
// and what to type or check next.
type Hinted struct {
	Kind error  // one of the package's errors, never nil
	What string // what happened, lower case, no full stop
	Hint string // what to do next; may be empty
}

// Errorf makes a *Hinted error of the kind with a hint and a formatted message.
func Errorf(kind error, hint, format string, args ...any) error {
	return &Hinted{Kind: kind, What: fmt.Sprintf(format, args...), Hint: hint}
}

// Error is "what: kind" without the hint; see Hint.
func (e *Hinted) Error() string { return e.What + ": " + e.Kind.Error() }

// Unwrap returns the kind, so that errors.Is works.
func (e *Hinted) Unwrap() error { return e.Kind }

// Hint returns the first hint in err's chain, or "".
func Hint(err error) string {
	var h *Hinted
	for errors.As(err, &h) {
		if h.Hint != "" {
			return h.Hint
		}
		err = h.Kind
	}
	return ""
}
