package raw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/eventlake/lake"
)

// Reader opens the lines of raw and quarantine files. Safe for many goroutines.
type Reader struct {
	store lake.Store
	cache *Cache
	zips  sync.Pool // of *gzip.Reader: 40 KB each, and most files are small
}

// NewReader returns a Reader. It asks the cache (which may be nil) first.
func NewReader(store lake.Store, cache *Cache) *Reader { return &Reader{store: store, cache: cache} }

// Open returns the uncompressed lines of a file. The object's size and CRC are
// checked against the file entry on the way: where they differ, reading ends
// in ErrCorrupt instead of io.EOF. All errors name the file.
func (r *Reader) Open(ctx context.Context, f lake.File) (io.ReadCloser, error) {
	if r.cache != nil {
		if lines, ok := r.cache.take(f.Key); ok {
			return &cached{Reader: bytes.NewReader(lines), lines: lines, free: r.cache.free}, nil
		}
	}
	obj, err := r.store.Open(ctx, f.Key)
	if err != nil {
		return nil, err
	}
	if obj.Size() != f.Bytes && f.Vouched() {
		return nil, errors.Join(damaged(f, "has %d bytes, the ledger says %d", obj.Size(), f.Bytes), obj.Close())
	}
	o := &object{file: f, obj: obj, crc: newCRC(), zips: &r.zips}
	o.in = io.TeeReader(obj, o.crc)
	if o.zip, err = r.unzip(o.in); err != nil {
		return nil, errors.Join(damaged(f, "no gzip: %v", err), obj.Close())
	}
	return o, nil
}

func (r *Reader) unzip(in io.Reader) (*gzip.Reader, error) {
	zip, _ := r.zips.Get().(*gzip.Reader)
	if zip == nil {
		return gzip.NewReader(in)
	}
	return zip, zip.Reset(in)
}

func damaged(f lake.File, format string, args ...any) error {
	hint := "run: lake verify, then lake doctor"
	if !f.Vouched() {
		hint = "bring the object's last good version back"
	}
	return lake.Errorf(lake.ErrCorrupt, hint, "%s %s", f.Key, fmt.Sprintf(format, args...))
}

// cached reads lines from memory and gives the memory back at Close.
type cached struct {
	*bytes.Reader
	lines []byte
	free  *Memory
}

// Lines returns all lines at once, valid until Close.
func (c *cached) Lines() []byte { return c.lines }

func (c *cached) Close() error {
	c.free.Put(c.lines)
	c.lines = nil
	return nil
}

// object reads a gzip object and compares its checksum at the end.
type object struct {
	file lake.File
	obj  lake.Object
	in   io.Reader
	crc  hash.Hash32
	zip  *gzip.Reader // nil once closed
	zips *sync.Pool   // where it goes then
	end  error
}

func (o *object) Read(p []byte) (int, error) {
	if o.end != nil {
		return 0, o.end
	}
	n, err := o.zip.Read(p)
	if errors.Is(err, io.EOF) {
		o.end = o.finish()
		return n, o.end
	}
	if err != nil {
		o.end = damaged(o.file, "cannot be unpacked: %v", err)
		return n, o.end
	}
	return n, nil
}

func (o *object) finish() error {
	if _, err := io.Copy(io.Discard, o.in); err != nil {
		return err
	}
	if got := o.crc.Sum32(); got != o.file.CRC && o.file.Vouched() {
		return damaged(o.file, "has checksum %08x, the ledger says %08x", got, o.file.CRC)
	}
	return io.EOF
}

// Close ends reading; a second Close is nothing.
func (o *object) Close() error {
	if o.zip == nil {
		return nil
	}
	err := o.zip.Close()
	if o.end != nil {
		err = nil // reading has said it
	}
	err = errors.Join(err, o.obj.Close())
	o.zips.Put(o.zip)
	o.zip, o.end = nil, fmt.Errorf("read %s: %w", o.file.Key, fs.ErrClosed)
	return err
}

func newCRC() hash.Hash32 { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }
