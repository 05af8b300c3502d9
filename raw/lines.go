package raw

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/eventlake/lake"
)

// EachLine opens a file and gives every line with its newline, of any length,
// until each returns an error. The line is valid until each returns.
func (r *Reader) EachLine(ctx context.Context, f lake.File, each func(line []byte) error) (err error) {
	in, err := r.Open(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var line []byte
	br := bufio.NewReaderSize(in, 256<<10)
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
