package client

import (
	"bytes"
	"errors"
	"io"

	"github.com/eventlake/lake"
)

// window is the part of a text that is in memory: it grows up to the largest
// event and no further.
type window struct {
	r        io.Reader
	buf      []byte
	pos, end int
	err      error // from r, once it ended
}

// data is what is in memory.
func (w *window) data() []byte { return w.buf[w.pos:w.end] }

// skip moves the start of the window.
func (w *window) skip(n int) { w.pos += n }

// more reads on, at least one byte. Errors: io.EOF, lake.ErrLimit when the
// window is as large as it may get, or the reader's.
func (w *window) more() error {
	if w.err != nil {
		return w.err
	}
	if w.pos > 0 && w.end-w.pos <= w.pos {
		w.end = copy(w.buf, w.data())
		w.pos = 0
	}
	if w.end == len(w.buf) {
		if w.end-w.pos > lake.MaxBody {
			return lake.ErrLimit
		}
		grown := make([]byte, max(64<<10, 2*len(w.buf)))
		w.end = copy(grown, w.data())
		w.buf, w.pos = grown, 0
	}
	for range 100 { // a reader may return nothing a few times
		n, err := w.r.Read(w.buf[w.end:])
		w.end += n
		w.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// fill reads until n bytes are there.
func (w *window) fill(n int) error {
	for w.end-w.pos < n {
		if err := w.more(); err != nil {
			return err
		}
	}
	return nil
}

// nonSpace skips white space and returns the byte behind it, without taking it.
func (w *window) nonSpace() (byte, error) {
	for {
		for w.pos < w.end {
			switch c := w.buf[w.pos]; c {
			case ' ', '\t', '\r', '\n':
				w.pos++
			default:
				return c, nil
			}
		}
		if err := w.more(); err != nil {
			return 0, err
		}
	}
}

// line returns the text up to the next line break, or to the end, without
// taking it.
func (w *window) line() ([]byte, error) {
	for from := 0; ; {
		if i := bytes.IndexByte(w.data()[from:], '\n'); i >= 0 {
			return w.data()[:from+i], nil
		}
		from = len(w.data())
		if err := w.more(); errors.Is(err, io.EOF) {
			return w.data(), nil
		} else if err != nil {
			return nil, err
		}
	}
}
