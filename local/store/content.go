package store

import (
	"bufio"
	"errors"
	"hash/crc32"
	"io"
	"sync"

	"github.com/eventlake/lake/local/disk"
)

// castagnoli is the polynomial that lake.Info and lake.File use.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// bufferSize is how many bytes small writes are gathered into.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, bufferSize) }}

// sum counts and checksums what passes through.
type sum struct {
	w     io.Writer
	bytes int64
	crc   uint32
}

func (s *sum) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.bytes += int64(n)
	s.crc = crc32.Update(s.crc, castagnoli, p[:n])
	return n, err
}

// fill writes, syncs and closes f.
func fill(f disk.File, write func(io.Writer) error) (s sum, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	s.w = f
	b, _ := buffers.Get().(*bufio.Writer) // the pool holds nothing else
	b.Reset(&s)
	defer func() {
		b.Reset(nil)
		buffers.Put(b)
	}()
	if err := write(b); err != nil {
		return s, err
	}
	if err := b.Flush(); err != nil {
		return s, err
	}
	return s, f.Sync()
}

func checksum(r io.Reader) (uint32, error) {
	s := sum{w: io.Discard}
	if _, err := io.Copy(&s, r); err != nil {
		return 0, err
	}
	return s.crc, nil
}
