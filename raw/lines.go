package raw

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/eventlake/lake"
)

// Buffers for lines: a small file needs a small one. Lines take some ten times
// the bytes of the compressed file.
const (
	smallRead = 4 << 10
	largeRead = 256 << 10
	unpacked  = 16
)

// BufferSize is how large a buffer is worth its memory for reading the lines of
// a file, in bytes.
func BufferSize(f lake.File) int { return int(min(max(f.Bytes*unpacked, smallRead), largeRead)) }

// maxLine is the longest line in bytes. The longest that is written is a refused
// body of control characters, of which JSON makes six each (RFC 8259, section
// 7), with what is added. Longer ones are damage.
const maxLine = 7 * lake.MaxBody

// EachLine opens a file and gives every line with its newline, until each
// returns an error. The line is valid until each returns. All errors name the
// file.
func (r *Reader) EachLine(ctx context.Context, f lake.File, each func(line []byte) error) (err error) {
	in, err := r.Open(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = f.Key.Named(errors.Join(err, in.Close())) }()
	return Lines(in, BufferSize(f), each)
}

// Lines gives every line of a text with its newline, until each returns an
// error. The last may be without a newline. A line is valid until each
// returns. buffer is for reading, in bytes. A line of more than 70 MiB is
// lake.ErrCorrupt.
func Lines(in io.Reader, buffer int, each func(line []byte) error) error {
	var long []byte // a line that is longer than the buffer
	br := bufio.NewReaderSize(in, buffer)
	for {
		line, err := br.ReadSlice('\n')
		if len(long) > 0 || errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			line = long
		}
		switch {
		case len(line) > maxLine:
			return fmt.Errorf("a line of more than %d bytes: %w", maxLine, lake.ErrCorrupt)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		if err := each(line); err != nil {
			return err
		}
		long = long[:0]
	}
}
