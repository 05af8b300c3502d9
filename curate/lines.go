package curate

import (
	"bytes"
	"context"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

var newline = []byte{'\n'}

// eachLine calls fn for every line of a raw file, without its newline. The
// line is valid during the call. That the file has as many lines as the ledger
// says is checked, so that a file cut short cannot pass.
func eachLine(ctx context.Context, lines Lines, f lake.File, fn func([]byte) error) (err error) {
	r, err := lines.Open(ctx, f)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := r.Close(); err == nil {
			err = f.Key.Named(cerr)
		}
	}()
	count := int64(0)
	each := func(line []byte) error {
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		line = bytes.TrimSuffix(line, newline)
		if count++; count%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return fn(line)
	}
	if whole, ok := r.(interface{ Lines() []byte }); ok {
		for line := range bytes.Lines(whole.Lines()) {
			if err = each(line); err != nil {
				break
			}
		}
	} else {
		err = raw.Lines(r, raw.BufferSize(f), each)
	}
	if err == nil && count != f.Events && f.Vouched() {
		err = lake.Errorf(lake.ErrCorrupt, "run: lake verify, then lake doctor",
			"has %d events, the ledger says %d", count, f.Events)
	}
	return f.Key.Named(err)
}
