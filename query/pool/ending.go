package pool

import (
	"context"
	"errors"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/query"
)

// question is a query.Question with a number, which a frameCancel names.
type question struct {
	Number int64 `json:"number"`
	query.Question
}

// ending is the result of a question.
type ending struct {
	query.Answered
	Error *failed `json:"error,omitempty"`
	Used  int64   `json:"used"` // bytes of memory that the process has now
}

// failed is an error on its way between the processes.
type failed struct {
	Kind string `json:"kind"`           // of kinds; "" for any other
	Text string `json:"text"`           // what the error says
	What string `json:"what,omitempty"` // of a *lake.Hinted
	Hint string `json:"hint,omitempty"`
}

// kinds names the errors that callers tell apart.
func kinds() map[string]error {
	return map[string]error{
		"invalid": lake.ErrInvalid, "limit": lake.ErrLimit, "corrupt": lake.ErrCorrupt, "not_found": lake.ErrNotFound,
		"full": lake.ErrFull, "closed": lake.ErrClosed, "canceled": context.Canceled,
	}
}

// pack makes an error ready for the way; nil stays nil.
func pack(err error) *failed {
	if err == nil {
		return nil
	}
	f := &failed{Text: err.Error(), Hint: lake.Hint(err)}
	for name, kind := range kinds() {
		if errors.Is(err, kind) {
			f.Kind = name
		}
	}
	var h *lake.Hinted
	if errors.As(err, &h) {
		f.What = h.What
	}
	return f
}

// distant is an error that came from a process.
type distant struct {
	text string
	kind error
}

func (d *distant) Error() string { return d.text }
func (d *distant) Unwrap() error { return d.kind }

// unpack is the error that pack was given, as far as callers can tell.
func (f *failed) unpack() error {
	if f == nil {
		return nil
	}
	kind := kinds()[f.Kind]
	if kind != nil && (f.What != "" || f.Hint != "") {
		kind = &lake.Hinted{Kind: kind, What: f.What, Hint: f.Hint}
	}
	return &distant{f.Text, kind}
}
