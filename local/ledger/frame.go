package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/eventlake/lake"
)

// A frame is the unit of log and snapshot:
//
//	4  magic
//	4  length of the payload
//	8  sequence number
//	4  CRC-32C of the 16 bytes before and of the payload
//	   payload
//
// all little endian. The log's frames are numbered without gaps for ever.
const (
	frameMagic  = 0x4c46_524d
	frameHeader = 20
	// maxPayload bounds what a reader allocates and a commit may hold.
	maxPayload = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errBadFrame is how reading says that there is no whole frame here.
var errBadFrame = errors.New("no whole frame")

// beginFrame makes room for the header in an empty buffer.
func beginFrame(b []byte) []byte { return append(b, make([]byte, frameHeader)...) }

// endFrame fills the header of the frame that is all of b.
func endFrame(b []byte, seq uint64) error {
	n := len(b) - frameHeader
	if n > maxPayload {
		return fmt.Errorf("frame of %d bytes: %w", n, lake.ErrLimit)
	}
	binary.LittleEndian.PutUint32(b, frameMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(n))
	binary.LittleEndian.PutUint64(b[8:], seq)
	binary.LittleEndian.PutUint32(b[16:], frameCRC(b, b[frameHeader:]))
	return nil
}

func frameCRC(header, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:16], castagnoli), castagnoli, payload)
}

// frames reads frames one after the other.
type frames struct {
	r      io.Reader
	offset int64 // of the next frame, in the file
	left   int64 // bytes of the file from offset on
	buf    []byte
}

// next returns the next frame's number and payload, valid until the call after
// it; whole is the frame with its header. io.EOF at the end of the file;
// errBadFrame when what is there is not a whole frame: offset then is where it
// begins, and nothing more can be read. Other errors are from the reader.
func (f *frames) next() (seq uint64, payload, whole []byte, err error) {
	if f.left == 0 {
		return 0, nil, nil, io.EOF
	}
	if f.left < frameHeader {
		return 0, nil, nil, errBadFrame
	}
	f.grow(frameHeader)
	h := f.buf[:frameHeader]
	if _, err := io.ReadFull(f.r, h); err != nil {
		return 0, nil, nil, err
	}
	n := int64(binary.LittleEndian.Uint32(h[4:]))
	if binary.LittleEndian.Uint32(h) != frameMagic || n > maxPayload || n > f.left-frameHeader {
		return 0, nil, nil, errBadFrame
	}
	f.grow(frameHeader + int(n))
	h = f.buf[:frameHeader]
	payload = f.buf[frameHeader:]
	if _, err := io.ReadFull(f.r, payload); err != nil {
		return 0, nil, nil, err
	}
	if binary.LittleEndian.Uint32(h[16:]) != frameCRC(h, payload) {
		return 0, nil, nil, errBadFrame
	}
	f.offset += frameHeader + n
	f.left -= frameHeader + n
	return binary.LittleEndian.Uint64(h[8:]), payload, f.buf, nil
}

// grow makes buf n bytes long and keeps its first bytes.
func (f *frames) grow(n int) {
	if cap(f.buf) < n {
		f.buf = append(make([]byte, 0, max(n, 2*cap(f.buf))), f.buf...)
	}
	f.buf = f.buf[:n]
}

// findFrame looks for a whole frame numbered from or higher that begins
// anywhere in b, and returns its offset, -1 when there is none.
func findFrame(b []byte, from uint64) int {
	magic := binary.LittleEndian.AppendUint32(nil, frameMagic)
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], magic)
		if i < 0 {
			return -1
		}
		at += i
		rest := b[at:]
		if len(rest) < frameHeader {
			return -1
		}
		n := int64(binary.LittleEndian.Uint32(rest[4:]))
		if n > int64(len(rest)-frameHeader) || binary.LittleEndian.Uint64(rest[8:]) < from {
			continue
		}
		if binary.LittleEndian.Uint32(rest[16:]) == frameCRC(rest, rest[frameHeader:frameHeader+n]) {
			return at
		}
	}
}
