package main

import (
	"context"
	"io"
)

// stdin is standard input that a command waits for no longer than its context:
// what is typed may never come.
func (a *app) stdin(ctx context.Context) io.Reader {
	return &waiting{ctx: ctx, from: a.in, buffer: make([]byte, 64<<10), read: make(chan got, 1)}
}

// waiting reads ahead by at most one buffer.
type waiting struct {
	ctx    context.Context
	from   io.Reader
	buffer []byte
	read   chan got
	busy   bool   // the buffer is being filled
	rest   []byte // of the buffer, not yet given out
	err    error  // that came with the rest
}

// got is what one Read returned.
type got struct {
	n   int
	err error
}

// Read implements io.Reader. After the context has ended it returns why.
func (w *waiting) Read(p []byte) (int, error) {
	if len(w.rest) == 0 && w.err == nil {
		if !w.busy {
			w.busy = true
			go func() {
				n, err := w.from.Read(w.buffer)
				w.read <- got{n, err}
			}()
		}
		select {
		case r := <-w.read:
			w.busy, w.rest, w.err = false, w.buffer[:r.n], r.err
		case <-w.ctx.Done():
			return 0, context.Cause(w.ctx)
		}
	}
	n := copy(p, w.rest)
	if w.rest = w.rest[n:]; len(w.rest) > 0 {
		return n, nil
	}
	return n, w.err
}
