package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/eventlake/lake"
)

// Code names a kind of failure in one stable word that programs can test.
type Code string

// The codes that any endpoint may answer with. Endpoints add their own.
const (
	CodeInvalid      Code = "invalid"
	CodeUnauthorized Code = "unauthorized"
	CodeForbidden    Code = "forbidden"
	CodeNotFound     Code = "not_found"
	CodeMethod       Code = "method_not_allowed"
	CodeConflict     Code = "conflict"
	CodeLimit        Code = "limit_exceeded"
	CodeFull         Code = "no_room"
	CodeClosed       Code = "shutting_down"
	CodeInternal     Code = "internal"
)

// Error is a failure as a client sees it.
type Error struct {
	Status     int // HTTP status
	Code       Code
	Message    string        // what happened, for people
	Hint       string        // what to do next; may be empty
	RetryAfter time.Duration // when to try again; 0: do not say
}

// Error is "code: message".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// body is the JSON form.
type body struct {
	Error struct {
		Code      Code   `json:"code"`
		Message   string `json:"message"`
		Hint      string `json:"hint,omitempty"`
		RequestID string `json:"request_id"`
	} `json:"error"`
}

// Fail answers with the error as JSON. Nothing may have been written before.
// An error that is not an *Error is mapped by Classify.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	e := Classify(err)
	var b body
	b.Error.Code, b.Error.Message, b.Error.Hint, b.Error.RequestID = e.Code, e.Message, e.Hint, RequestID(w, r)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)  // the type of the answer says that it is no HTML
	if enc.Encode(b) != nil { // strings always encode
		buf.WriteString("{\"error\":{\"code\":\"internal\"}}\n")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(buf.Len()))
	h.Set("Cache-Control", "no-store")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	w.WriteHeader(e.Status)
	// A client that does not read its answer has gone away; nobody is left to tell.
	_, _ = w.Write(buf.Bytes())
}

// Classify turns any error into what the client may know of it. The lake's own
// kinds keep their message and hint; of everything else only the fact is told,
// for the message could name files or addresses: log it with the request id.
func Classify(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	known := func(status int, code Code) *Error {
		return &Error{Status: status, Code: code, Message: err.Error(), Hint: lake.Hint(err)}
	}
	switch {
	case errors.Is(err, lake.ErrInvalid):
		return known(http.StatusBadRequest, CodeInvalid)
	case errors.Is(err, lake.ErrNotFound):
		return known(http.StatusNotFound, CodeNotFound)
	case errors.Is(err, lake.ErrStale), errors.Is(err, lake.ErrExists):
		return known(http.StatusConflict, CodeConflict)
	case errors.Is(err, lake.ErrLimit):
		return known(http.StatusUnprocessableEntity, CodeLimit)
	case errors.Is(err, lake.ErrFull):
		return &Error{http.StatusServiceUnavailable, CodeFull, "no room to store more now", "try again; the operator finds the cause in the lake's log", 5 * time.Second}
	case errors.Is(err, lake.ErrClosed):
		return &Error{http.StatusServiceUnavailable, CodeClosed, "the lake is stopping", "try again in a moment", 2 * time.Second}
	case errors.Is(err, context.Canceled):
		return &Error{http.StatusServiceUnavailable, CodeClosed, "the request was cancelled", "", 0}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{http.StatusServiceUnavailable, CodeLimit, "the request took too long", "", 0}
	}
	return &Error{http.StatusInternalServerError, CodeInternal, "something went wrong on the server", "the lake's log says more under this request id", 0}
}
