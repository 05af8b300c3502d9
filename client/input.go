package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
)

// Input reads events out of anything that holds JSON: one event a line, arrays
// of events, events one after another (pretty-printed or not), each of them
// plain, gzip or zstd. What form it is, its first bytes show. Memory is bounded
// by the largest event, lake.MaxBody.
type Input struct {
	name    string
	window  window
	next    func() ([]byte, error)
	inArray bool
	read    atomic.Int64 // bytes of the file
	size    int64
	closers []io.Closer
}

// Open opens a file. ErrNotFound when there is none, ErrInvalid when it cannot
// hold events.
func Open(path string) (*Input, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, lake.Errorf(lake.ErrNotFound, "check the path", "file %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open events: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = lake.Errorf(lake.ErrInvalid, "name the files, e.g. "+path+"/*.ndjson.gz", "%s is a directory", path)
	}
	var in *Input
	if err == nil {
		in, err = NewInput(path, f)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.Mode().IsRegular() {
		in.size = info.Size()
	}
	in.closers = append(in.closers, f)
	return in, nil
}

// NewInput reads events from r; name is for error messages. It reads the first
// bytes already. Close does not close r.
func NewInput(name string, r io.Reader) (*Input, error) {
	in := &Input{name: name}
	plain, err := in.decompress(bufio.NewReaderSize(&counter{r, &in.read}, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	in.window.r = plain
	if err := in.detect(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), in.Close())
	}
	return in, nil
}

// Next returns the next event's bytes, without a line break in them, valid
// until the next call. io.EOF at the end. An event over lake.MaxBody is skipped
// with lake.ErrLimit and reading goes on behind it; every other error is final.
func (in *Input) Next() ([]byte, error) {
	event, err := in.next()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", in.name, err)
	}
	return event, err
}

// Read returns how many bytes of the file were read, before decompression. It
// may be called while another goroutine calls Next.
func (in *Input) Read() int64 { return in.read.Load() }

// Size is the file's size in bytes, 0 when it is not known.
func (in *Input) Size() int64 { return in.size }

// Close frees what Open took.
func (in *Input) Close() error {
	var errs []error
	for _, c := range in.closers {
		errs = append(errs, c.Close())
	}
	in.closers = nil
	return errors.Join(errs...)
}

// decompress looks at the first bytes for what kind of file it is.
func (in *Input) decompress(r *bufio.Reader) (io.Reader, error) {
	head, err := r.Peek(1)
	if err == nil && strings.IndexByte("\x1f\x28PB\xfd\xff\xfe", head[0]) >= 0 {
		head, err = r.Peek(6) // text is not waited for: it may come slowly
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	foreign := func(what, hint string) error {
		return lake.Errorf(lake.ErrInvalid, hint, "this is %s, not JSON", what)
	}
	switch {
	case starts("\x1f\x8b"):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return whole{z, "gzip"}, nil // there is nothing to close in it
	case starts("\x28\xb5\x2f\xfd"):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		in.closers = append(in.closers, z.IOReadCloser())
		return whole{z, "zstd"}, nil
	case starts("PAR1"):
		return nil, foreign("a Parquet file", "convert it first, e.g. with DuckDB: COPY (FROM 'x.parquet') TO 'x.ndjson'")
	case starts("PK\x03\x04"):
		return nil, foreign("a zip archive", "unpack it first, or pipe: unzip -p FILE | lake send -")
	case starts("BZh"):
		return nil, foreign("bzip2", "pipe it: bzcat FILE | lake send -")
	case starts("\xfd7zXZ"):
		return nil, foreign("xz", "pipe it: xzcat FILE | lake send -")
	case starts("\xff\xfe"), starts("\xfe\xff"):
		return nil, foreign("UTF-16 text", "convert it first: iconv -f UTF-16 -t UTF-8 FILE | lake send -")
	}
	return r, nil
}

// whole says in words that compressed data end early.
type whole struct {
	io.Reader
	what string
}

func (w whole) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = lake.Errorf(lake.ErrCorrupt, "fetch it again and send it again: what is stored already is not counted twice", "the %s data are cut off", w.what)
	}
	return n, err
}

// detect chooses how events lie in the text. Text that begins with an array
// holds arrays; text whose first value goes on behind its first line holds
// values; everything else is one event a line, so that one broken line costs
// that line only.
func (in *Input) detect() error {
	w := &in.window
	const mark = "\xef\xbb\xbf" // some programs put a byte order mark in front
	if w.fill(1) == nil && w.data()[0] == mark[0] && w.fill(len(mark)) == nil && string(w.data()[:len(mark)]) == mark {
		w.skip(len(mark))
	}
	in.next = in.nextLine
	first, err := w.nonSpace()
	switch {
	case errors.Is(err, io.EOF):
		return nil // empty: Next says so
	case err != nil:
		return err
	case first == '[':
		in.next = in.nextValue
		return nil
	}
	line, err := w.line()
	if errors.Is(err, lake.ErrLimit) || err == nil && json.Valid(line) {
		return nil
	}
	if err != nil {
		return err
	}
	if spans, err := in.spansLines(); err != nil || spans {
		in.next = in.nextValue
		return err
	}
	found, err := w.hasObject()
	if err == nil && !found {
		line, _ = w.line() // it was read above; reading on may have moved it
		return lake.Errorf(lake.ErrInvalid, "send JSON: one object a line, an array of objects, or objects one after another", "it begins with %.40q, which is no JSON object", line)
	}
	return err
}

// spansLines reports whether the text begins with a valid object that is longer
// than its first line.
func (in *Input) spansLines() (bool, error) {
	w := &in.window
	if w.data()[0] != '{' {
		return false, nil
	}
	end, err := w.valueEnd()
	if errors.Is(err, lake.ErrLimit) {
		return false, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return json.Valid(w.data()[:end]), nil
}

// hasObject reports whether any line begins like an object, reading on until
// one does or there is enough text to tell that this is something else.
func (w *window) hasObject() (bool, error) {
	for {
		for line := range bytes.SplitSeq(w.data(), []byte("\n")) {
			if bytes.HasPrefix(bytes.TrimLeft(line, " \t\r"), []byte("{")) {
				return true, nil
			}
		}
		if len(w.data()) >= 64<<10 {
			return false, nil
		}
		if err := w.more(); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
}

// counter counts the bytes read.
type counter struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
