package curate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// eachLine calls fn for every line of a raw file, without its newline. The
// line is valid during the call. That the file has as many lines as the ledger
// says is checked, so that a file cut short cannot pass.
func eachLine(ctx context.Context, lines Lines, f lake.File, fn func([]byte) error) (err error) {
	r, err := lines.Open(ctx, f)
	if err != nil {
		return fmt.Errorf("raw file %s: %w", f.Key, err)
	}
	defer func() {
		if cerr := r.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("raw file %s: %w", f.Key, cerr)
		}
	}()
	count := int64(0)
	each := func(line []byte) error {
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		if count++; count%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return fn(line)
	}
	if whole, ok := r.(interface{ Lines() []byte }); ok {
		err = splitLines(whole.Lines(), each)
	} else {
		err = readLines(r, raw.BufferSize(f), each)
	}
	if err == nil && count != f.Events && f.Vouched() {
		err = lake.Errorf(lake.ErrCorrupt, "run: lake verify, then lake doctor",
			"has %d events, the ledger says %d", count, f.Events)
	}
	if err != nil {
		return fmt.Errorf("raw file %s: %w", f.Key, err)
	}
	return nil
}

func splitLines(all []byte, each func([]byte) error) error {
	for len(all) > 0 {
		line := all
		if n := bytes.IndexByte(all, '\n'); n >= 0 {
			line, all = all[:n], all[n+1:]
		} else {
			all = nil
		}
		if err := each(line); err != nil {
			return err
		}
	}
	return nil
}

func readLines(r io.Reader, buffer int, each func([]byte) error) error {
	in := bufio.NewReaderSize(r, buffer)
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if long = append(long, part...); len(long) > 4*lake.MaxBody {
				return fmt.Errorf("a line of more than %d bytes: %w", len(long), lake.ErrCorrupt)
			}
			continue
		}
		if err != nil && err != io.EOF {
			return err
		}
		line := part
		if len(long) > 0 {
			long = append(long, part...)
			line = long
		}
		if e := each(bytes.TrimSuffix(line, []byte("\n"))); e != nil {
			return e
		}
		long = long[:0]
		if err == io.EOF {
			return nil
		}
	}
}
