package query

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"github.com/eventlake/lake"
)

// Question is one statement and the answer that is wanted.
type Question struct {
	SQL    string `json:"sql"`
	Format Format `json:"format"`
	Limit  int64  `json:"limit"` // rows; 0: all
}

// Answered says what was written.
type Answered struct {
	Rows      int64 `json:"rows"`
	Truncated bool  `json:"truncated"` // there are more rows than the limit, or than Bounds.Answer lets through
}

// Answerer answers questions. It is safe for many goroutines.
type Answerer interface {
	// Answer writes the whole answer to w, or fails; what it has written when
	// it fails is no answer. Nothing is written before the statement has run.
	// It returns soon after the context ends, whatever the statement does.
	// Errors: those of lake.Engine.Query, context.Cause.
	Answer(ctx context.Context, q Question, w io.Writer) (Answered, error)
}

// Bounds are how much of a result goes into an answer. Zero values mean the
// defaults in brackets.
type Bounds struct {
	Value  int64 // bytes of one value [16 MiB]; a larger one is lake.ErrLimit
	Answer int64 // bytes of all values [256 MiB]; rows beyond them are left out, as those beyond the limit are
}

func (b Bounds) withDefaults() Bounds {
	if b.Value <= 0 {
		b.Value = 16 << 20
	}
	if b.Answer <= 0 {
		b.Answer = 256 << 20
	}
	return b
}

// answerBuffer is how much of an answer is held back before the first of it is
// written: a failure until then leaves no part of an answer.
const answerBuffer = 256 << 10

// direct answers in this process.
type direct struct {
	engine lake.Engine
	bounds Bounds
}

// Direct answers with an engine of this process. A statement that does not
// heed its context keeps the caller waiting; see package pool for one that
// does not.
func Direct(e lake.Engine, b Bounds) Answerer { return &direct{e, b.withDefaults()} }

// Answer implements Answerer. The memory it takes beside the engine's does not
// grow with the result, but for tables.
func (d *direct) Answer(ctx context.Context, q Question, w io.Writer) (a Answered, err error) {
	start := time.Now()
	rows, err := Run(ctx, d.engine, q.Limit, q.SQL)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out := bufio.NewWriterSize(w, answerBuffer)
	heeding := &heeding{rows, ctx}
	o := Options{Limit: q.Limit, Bounds: d.bounds}
	if q.Format == JSON {
		a, err = document(out, heeding, o, start)
	} else {
		a.Rows, a.Truncated, err = Write(out, heeding, q.Format, o)
	}
	if err != nil {
		return a, err
	}
	return a, out.Flush()
}

// heeding are rows that end with a context.
type heeding struct {
	lake.Rows
	ctx context.Context // of the one call that reads them
}

// Next implements lake.Rows.
func (h *heeding) Next() ([]any, error) {
	if h.ctx.Err() != nil {
		return nil, context.Cause(h.ctx)
	}
	return h.Rows.Next()
}
