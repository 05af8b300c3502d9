package query

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// errTooSlow ends a statement that takes longer than its time.
var errTooSlow = errors.New("longer than its time limit")

// reply is an answer on its way to the client. The statement has its time until
// the answer begins; then the next piece must come, and be taken, within it,
// and the whole answer within piecesTime of it.
type reply struct {
	w      http.ResponseWriter
	ctl    *http.ResponseController
	format Format
	time   time.Duration
	timer  *time.Timer
	last   time.Time // for the whole answer
	began  bool
}

// piecesTime is how many times the time of a statement its answer may take to
// be taken: a client that is slower keeps others from asking.
const piecesTime = 10

// newReply starts the time; stop is called when it is over.
func newReply(w http.ResponseWriter, f Format, d time.Duration, stop context.CancelCauseFunc) *reply {
	return &reply{w: w, ctl: http.NewResponseController(w), format: f, time: d, last: time.Now().Add((1 + piecesTime) * d),
		timer: time.AfterFunc(d, func() { stop(errTooSlow) })}
}

func (o *reply) stop() { o.timer.Stop() }

// Write implements io.Writer.
func (o *reply) Write(p []byte) (int, error) {
	o.timer.Stop()
	if !o.began {
		o.began = true
		o.head()
	}
	until := time.Now().Add(o.time)
	if until.After(o.last) {
		until = o.last
	}
	// Without deadlines (a recorder, another server) a client may be as slow as it likes.
	if err := o.ctl.SetWriteDeadline(until); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := o.w.Write(p)
	o.timer.Reset(o.time)
	return n, err
}

func (o *reply) head() {
	head := o.w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	switch o.format {
	case JSON:
		head.Set("Content-Type", "application/json")
		return
	case CSV:
		head.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	case NDJSON:
		head.Set("Content-Type", "application/x-ndjson")
	default:
		head.Set("Content-Type", "text/plain; charset=utf-8")
	}
	head.Set("Trailer", trailerRows+", "+trailerTruncated)
}

// end completes an answer.
func (o *reply) end(a Answered) {
	if !o.began {
		o.began = true // nothing to write: NDJSON without rows
		o.head()
	}
	if o.format != JSON {
		o.w.Header().Set(trailerRows, strconv.FormatInt(a.Rows, 10))
		o.w.Header().Set(trailerTruncated, strconv.FormatBool(a.Truncated))
	}
}
