package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/eventlake/lake"
)

// Request chooses the hours; the zero Request is the last hour that is settled.
type Request struct {
	From string `json:"from,omitempty"` // RFC 3339, a whole hour
	To   string `json:"to,omitempty"`   // exclusive
	// Stream counts the records of the stream again, too. It reads them all;
	// without it only the records between receipts are looked at.
	Stream bool `json:"stream,omitempty"`
	// Rest is where to go on. It is set when an audit hands itself the rest.
	Rest *Rest `json:"rest,omitempty"`
}

// Rest is what an audit hands on: where it is, and what it has found. It has the
// rows of one table only, so it is small.
type Rest struct {
	Calls     int    `json:"calls"`
	Scheduled bool   `json:"scheduled,omitempty"` // the hours were not asked for
	After     string `json:"after"`               // the piece that was looked at last
	Piece     string `json:"piece,omitempty"`     // of this one some ids were compared,
	Part      string `json:"part,omitempty"`      // and those that begin with these bits are next
	// Rows are what raw and table have of a table that is not compared yet, and
	// Passed is the last of which a piece was passed over.
	Rows   []Row  `json:"rows,omitempty"`
	Passed string `json:"passed,omitempty"`
	Found  Found  `json:"found"`
}

// maxCalls ends an audit that would go on for ever: at 15 minutes a call, two
// days.
const maxCalls = 200

// Report is what an audit knows after a call. A call that was handed the rest of
// an audit goes on with what the calls before it have Found.
type Report struct {
	From lake.Instant `json:"from"`
	To   lake.Instant `json:"to"`
	// Finished is false when Left pieces have not been looked at yet: they were
	// handed on, and what they hold nobody knows.
	Finished bool `json:"finished"`
	Left     int  `json:"left"`
	// Rows are the books of the tables that this call has come to the end of.
	Rows []Row `json:"rows"`
	// InFlight are raw files that are not in their tables yet: events that only
	// these have are not missed in a table.
	InFlight int `json:"in_flight"`
	Found
}

// Found is what was found in pieces. Nothing is known of what Left and Unread
// count.
type Found struct {
	Streamed int64 `json:"streamed"` // records of the stream that were looked at
	// Gap is how many events are missing somewhere, Doubled how many are in a
	// table more than once.
	Gap     int64 `json:"gap"`
	Doubled int64 `json:"doubled"`
	Seams   int   `json:"seams"`  // ends of receipts behind which the stream was looked at
	Aside   int   `json:"aside"`  // raw objects that are set aside now, of any hour
	Unread  int   `json:"unread"` // pieces that do not fit into one call
	// DataFiles are the tables' files that were looked for: each is there and as
	// long as the catalog says, or is a problem. Verified are those that were also
	// read from the first to the last byte.
	DataFiles int      `json:"data_files"`
	Verified  int      `json:"verified"`
	Problems  []string `json:"problems"` // at most maxProblems, each with its place
}

// maxProblems bounds a report; the numbers count all.
const maxProblems = 100

func (f *Found) problem(format string, args ...any) {
	if len(f.Problems) < maxProblems {
		f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
	}
}

func (f *Found) add(g Found) {
	f.Streamed += g.Streamed
	f.Gap += g.Gap
	f.Doubled += g.Doubled
	f.Seams += g.Seams
	f.Aside += g.Aside
	f.Unread += g.Unread
	f.DataFiles += g.DataFiles
	f.Verified += g.Verified
	f.Problems = append(f.Problems, g.Problems...)
	f.Problems = slices.Clip(f.Problems[:min(len(f.Problems), maxProblems)])
}

// finding is what one piece, or a part of one, has to say.
type finding struct {
	Found
	books books
}

func (h *Handler) hours(q Request) (from, to lake.Instant, err error) {
	now := h.config.Clock()
	from = now.Add(-h.config.Settle - time.Hour).Hour()
	to = from.Add(time.Hour)
	for _, t := range []struct {
		text string
		at   *lake.Instant
	}{{q.From, &from}, {q.To, &to}} {
		if t.text == "" {
			continue
		}
		parsed, err := time.Parse(time.RFC3339, t.text)
		if *t.at = lake.InstantOf(parsed); err != nil || *t.at != t.at.Hour() {
			return 0, 0, lake.Errorf(lake.ErrInvalid, "write a whole hour, e.g. 2026-01-31T12:00:00Z", "time %q", t.text)
		}
	}
	if q.From != "" && q.To == "" {
		to = from.Add(time.Hour)
	}
	if to <= from {
		return 0, 0, lake.Errorf(lake.ErrInvalid, "make to later than from", "no hour from %s to %s", from, to)
	}
	return from, to, nil
}
