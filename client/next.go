package client

import (
	"bytes"
	"errors"
	"io"

	"github.com/eventlake/lake"
)

// nextLine returns the next line that is not blank.
func (in *Input) nextLine() ([]byte, error) {
	w := &in.window
	if _, err := w.nonSpace(); err != nil {
		return nil, err
	}
	line, err := w.line()
	if errors.Is(err, lake.ErrLimit) || len(line) > lake.MaxBody {
		return nil, in.skipLong(skipLine)
	}
	if err != nil {
		return nil, err
	}
	w.skip(len(line))
	return bytes.TrimRight(line, " \t\r"), nil
}

// nextValue returns the next value of an array, or of values one after another.
func (in *Input) nextValue() ([]byte, error) {
	w := &in.window
	for {
		c, err := w.nonSpace()
		switch {
		case err != nil:
			return nil, err
		case c == ',', c == ']' && in.inArray, c == '[' && !in.inArray:
			if c != ',' {
				in.inArray = c == '['
			}
			w.skip(1)
			continue
		}
		end, err := w.valueEnd()
		if errors.Is(err, lake.ErrLimit) || end > lake.MaxBody {
			return nil, in.skipLong(skipValue)
		}
		if err != nil && (!errors.Is(err, io.EOF) || end == 0) {
			return nil, err
		}
		value := bytes.TrimRight(w.data()[:end], " \t\r\n")
		w.skip(end)
		return oneLine(value), nil
	}
}

// valueEnd returns where the value at the start of the window ends. At the end
// of the text it returns what there is of it, and io.EOF.
func (w *window) valueEnd() (int, error) {
	var s shape
	for i := 0; ; i++ {
		for i >= len(w.data()) {
			if err := w.more(); err != nil {
				return len(w.data()), err
			}
		}
		if end, done := s.add(w.data()[i], i); done {
			return end, nil
		}
	}
}

// shape follows the outline of one value: its brackets and strings, nothing
// else, so that a value that is not valid JSON still ends where it was meant to.
type shape struct {
	depth             int
	inString, escaped bool
	bare              bool // a number, a word, or junk
}

// add takes the i-th byte; done when the value ends before byte end.
func (s *shape) add(c byte, i int) (end int, done bool) {
	switch {
	case s.inString:
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.inString = false
			return i + 1, s.depth == 0
		}
	case s.bare && (c == ',' || c == ']' || c == '\n'):
		return i, true
	case s.bare:
	case c == '"':
		s.inString = true
	case c == '{', c == '[':
		s.depth++
	case c == '}', c == ']':
		if s.depth--; s.depth <= 0 {
			return i + 1, true
		}
	case s.depth == 0:
		s.bare = true
	}
	return 0, false
}

// oneLine takes the line breaks out of a value, in place: outside of strings
// they mean nothing; inside they are not allowed, and a carriage return in
// their place is as little, so that the value is refused for what it is.
func oneLine(value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 {
		return value
	}
	inString, escaped := false, false
	for i, c := range value {
		switch {
		case c == '\n' && inString:
			value[i] = '\r'
			escaped = false
		case c == '\n':
			value[i] = ' '
		case escaped:
			escaped = false
		case c == '\\':
			escaped = inString
		case c == '"':
			inString = !inString
		}
	}
	return value
}

// skipLong skips an event that is larger than any request may be.
func (in *Input) skipLong(skip func(*window) error) error {
	if err := skip(&in.window); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return lake.Errorf(lake.ErrLimit, "the lake takes events up to 1 MiB", "an event of more than %d bytes was left out", lake.MaxBody)
}

// skipLine skips to the next line break.
func skipLine(w *window) error {
	for {
		if i := bytes.IndexByte(w.data(), '\n'); i >= 0 {
			w.skip(i)
			return nil
		}
		w.skip(len(w.data()))
		if err := w.more(); err != nil {
			return err
		}
	}
}

// skipValue skips to the end of the value.
func skipValue(w *window) error {
	var s shape
	for {
		for i, c := range w.data() {
			if end, done := s.add(c, i); done {
				w.skip(end)
				return nil
			}
		}
		w.skip(len(w.data()))
		if err := w.more(); err != nil {
			return err
		}
	}
}
