package crashfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"

	"github.com/eventlake/lake/local/disk"
)

// file is an open handle.
type file struct {
	fs       *FS
	node     *node
	path     string
	pos      int64
	writable bool
	atEnd    bool
	closed   bool
}

var _ disk.File = (*file)(nil)

// handle opens a node. mu is held.
func (f *FS) handle(h file) *file {
	h.fs = f
	f.open[&h] = struct{}{}
	return &h
}

// ready says why the handle cannot be used. fs.mu is held.
func (h *file) ready(op string, write bool) error {
	switch {
	case h.fs.down:
		return fail(op, h.path, ErrDown)
	case h.closed:
		return fail(op, h.path, fs.ErrClosed)
	case write && !h.writable:
		return fail(op, h.path, syscall.EBADF)
	case h.node.dir && !write && op != "close" && op != "sync":
		return fail(op, h.path, syscall.EISDIR)
	}
	return nil
}

// Read implements io.Reader.
func (h *file) Read(p []byte) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.ready("read", false); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if h.pos >= int64(len(h.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.node.data[h.pos:])
	h.pos += int64(n)
	return n, nil
}

// ReadAt implements io.ReaderAt.
func (h *file) ReadAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.ready("read", false); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fail("readat", h.path, errors.New("negative offset"))
	}
	var n int
	if off < int64(len(h.node.data)) {
		n = copy(p, h.node.data[off:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements io.Writer.
func (h *file) Write(p []byte) (n int, err error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.ready("write", true); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	f := h.fs
	write := func(p []byte) {
		if h.atEnd {
			h.pos = int64(len(h.node.data))
		}
		f.writeAt(h.node, p, h.pos)
		h.pos += int64(len(p))
		n = len(p)
	}
	err = f.operateShort(Write, h.path, func(share float64) error {
		if share < 1 {
			write(p[:int(share*float64(len(p)))])
			return nil
		}
		if room := f.limit - f.used; f.limit > 0 && int64(len(p)) > room {
			if room > 0 {
				write(p[:room])
			}
			return fail("write", h.path, syscall.ENOSPC)
		}
		write(p)
		return nil
	})
	return n, err
}

// Sync implements disk.File.
func (h *file) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.ready("sync", false); err != nil {
		return err
	}
	f, n := h.fs, h.node
	done := false
	err := f.operate(Sync, h.path, func() error {
		n.synced, n.versions = n.disk(), nil
		done = true
		return nil
	})
	if err != nil && !done && !f.down {
		f.dropDirty(n)
	}
	return err
}

// Truncate implements disk.File.
func (h *file) Truncate(size int64) error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.fs.down || h.closed {
		return h.ready("truncate", true)
	}
	if !h.writable || size < 0 {
		return fail("truncate", h.path, syscall.EINVAL)
	}
	return h.fs.operate(Truncate, h.path, func() error { h.fs.setLength(h.node, size); return nil })
}

// Size implements disk.File.
func (h *file) Size() (int64, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.fs.down || h.closed {
		return 0, h.ready("stat", false)
	}
	return int64(len(h.node.data)), nil
}

// Close implements io.Closer. It is not an operation that faults count. On a
// machine that is down it fails, and the handle is closed nevertheless.
func (h *file) Close() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	err := h.ready("close", false)
	h.closed = true
	delete(h.fs.open, h)
	return err
}
