package raw

import (
	"bufio"
	"context"
	"errors"
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

// EachLine opens a file and gives every line with its newline, of any length,
// until each returns an error. The line is valid until each returns.
func (r *Reader) EachLine(ctx context.Context, f lake.File, each func(line []byte) error) (err error) {
	in, err := r.Open(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	return Lines(in, BufferSize(f), each)
}

// Lines gives every line of a text with its newline, of any length, until each
// returns an error. The last may be without a newline. A line is valid until
// each returns. buffer is for reading, in bytes.
func Lines(in io.Reader, buffer int, each func(line []byte) error) error {
	var line []byte
	br := bufio.NewReaderSize(in, buffer)
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := each(line); err != nil {
			return err
		}
		line = line[:0]
	}
}
