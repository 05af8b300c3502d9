package stream

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/eventlake/lake/local/disk"
)

// walker goes through the frames of a segment file in order and checks them.
type walker struct {
	file   disk.File
	size   int64 // of the file
	salt   uint32
	offset int64 // of the next frame
	buf    []byte
	start  int64 // file offset of buf
}

// openWalker opens a file for walking; the offset is behind the header.
func openWalker(fsys disk.FS, path string, salt uint64) (*walker, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &walker{file: f, size: size, salt: saltCRC(salt), offset: headerSize}, nil
}

func (w *walker) close() error { return w.file.Close() }

// walkWindow is how many bytes are read at once.
const walkWindow = 256 << 10

// peek returns n bytes at an offset, fewer at the end of the file. They are
// valid until the next call.
func (w *walker) peek(offset int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.size-offset))
	if n <= 0 {
		return nil, nil
	}
	if offset < w.start || offset+int64(n) > w.start+int64(len(w.buf)) {
		want := int(min(int64(max(n, walkWindow)), w.size-offset))
		if cap(w.buf) < want {
			w.buf = make([]byte, want)
		}
		w.buf = w.buf[:want]
		if _, err := w.file.ReadAt(w.buf, offset); err != nil && !errors.Is(err, io.EOF) {
			w.buf = w.buf[:0]
			return nil, err
		}
		w.start = offset
	}
	return w.buf[offset-w.start:][:n], nil
}

// errBad says that there is no valid frame at the walker's offset.
var errBad = errors.New("no valid frame")

// next returns the frame at the offset, whole, and moves behind it. Errors:
// io.EOF at the end of the file, errBad, and those of reading.
func (w *walker) next() (frame, []byte, error) {
	f, data, err := w.at(w.offset)
	if err == nil {
		w.offset += f.size()
	}
	return f, data, err
}

func (w *walker) at(offset int64) (frame, []byte, error) {
	if offset >= w.size {
		return frame{}, nil, io.EOF
	}
	b, err := w.peek(offset, frameHeaderSize)
	if err != nil {
		return frame{}, nil, err
	}
	if len(b) < frameHeaderSize {
		return frame{}, nil, errBad
	}
	f, ok := parseFrame(b, w.salt)
	if !ok || offset+f.size() > w.size {
		return frame{}, nil, errBad
	}
	if b, err = w.peek(offset, int(f.size())); err != nil {
		return frame{}, nil, err
	}
	if frameCRC(b, w.salt) != f.crc || !f.valid(b[frameHeaderSize:]) {
		return frame{}, nil, errBad
	}
	return f, b, nil
}

// search looks for the next valid frame behind the offset whose first position
// is at least atLeast, and moves there. It returns io.EOF when there is none.
func (w *walker) search(ctx context.Context, atLeast uint64) error {
	magic := []byte{'L', 'F', formatVersion} // 8 bytes into a frame
	for offset := w.offset + 1; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := w.peek(offset, walkWindow)
		if err != nil {
			return err
		}
		if len(b) < frameHeaderSize {
			return io.EOF
		}
		last := len(b) - frameHeaderSize // where the last whole head in b could begin
		i := 0
		for ; i <= last; i++ {
			n := bytes.Index(b[i+8:last+8+len(magic)], magic)
			if n < 0 {
				i = last + 1
				break
			}
			i += n
			if f, ok := parseFrame(b[i:], w.salt); ok && f.first >= atLeast {
				break
			}
		}
		offset += int64(i)
		if i > last {
			continue
		}
		switch _, _, err := w.at(offset); {
		case err == nil:
			w.offset = offset
			return nil
		case !errors.Is(err, errBad):
			return err
		}
		offset++
	}
}
