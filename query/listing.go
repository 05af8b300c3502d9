package query

import (
	"errors"
	"time"

	"github.com/eventlake/lake"
)

// listing is a result made here, to be written like one of the engine's.
type listing struct {
	cols []lake.ResultColumn
	rows [][]any
	next int
}

// Columns implements lake.Rows.
func (l *listing) Columns() []lake.ResultColumn { return l.cols }

// Next implements lake.Rows.
func (l *listing) Next() ([]any, error) {
	if l.next == len(l.rows) {
		return nil, nil
	}
	l.next++
	return l.rows[l.next-1], nil
}

// Close implements lake.Rows.
func (l *listing) Close() error { return nil }

func (s *session) list(l *listing) (err error) {
	defer func() { err = errors.Join(err, l.Close()) }()
	opt := Options{}
	if s.opt.Width != nil {
		opt.Width = s.opt.Width()
	}
	_, _, err = Write(s.out, l, s.mode, opt)
	return err
}

func earliest(a any, b time.Time) any {
	if t, ok := a.(time.Time); ok && t.Before(b) {
		return t
	}
	return b
}

func latest(a any, b time.Time) any {
	if t, ok := a.(time.Time); ok && t.After(b) {
		return t
	}
	return b
}
