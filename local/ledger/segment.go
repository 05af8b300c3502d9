package ledger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"
	"syscall"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// A segment of the log begins with a header:
//
//	8  "LAKELOG1"
//	8  number of the segment
//	8  sequence number of the first frame
//	4  CRC-32C of the 24 bytes before
//
// Frames follow. A segment's frames end where the next segment begins, by
// sequence number: a process that opens the log starts a new segment with a
// copy of the last frame, since a predecessor may have died before its fsync
// of that frame, and leaves the old segment, torn tail and all, as it is.
const (
	segmentMagic  = "LAKELOG1"
	segmentHeader = 28
)

func appendSegmentHeader(b []byte, number, first uint64) []byte {
	at := len(b)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint64(b, number)
	b = binary.LittleEndian.AppendUint64(b, first)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
}

func parseSegmentHeader(h []byte, number uint64) (first uint64, err error) {
	if string(h[:8]) != segmentMagic || binary.LittleEndian.Uint64(h[8:]) != number ||
		binary.LittleEndian.Uint32(h[24:]) != crc32.Checksum(h[:24], castagnoli) {
		return 0, fmt.Errorf("damaged header: %w", lake.ErrCorrupt)
	}
	return binary.LittleEndian.Uint64(h[16:]), nil
}

// segment is the log's end, open for appending.
type segment struct {
	file   disk.File
	number uint64
	size   atomic.Int64
}

// createSegment makes a segment that holds the frames already, whole and
// durable, and opens it.
func createSegment(fsys disk.FS, dir string, number, first uint64, frames []byte) (*segment, error) {
	path := segmentPath(dir, number)
	head := append(appendSegmentHeader(nil, number, first), frames...)
	err := disk.WriteWhole(fsys, path, func(w io.Writer) error {
		_, err := w.Write(head)
		return err
	})
	if err != nil {
		return nil, err
	}
	return openSegment(fsys, dir, number, int64(len(head)))
}

func openSegment(fsys disk.FS, dir string, number uint64, size int64) (*segment, error) {
	f, err := fsys.Append(segmentPath(dir, number))
	if err != nil {
		return nil, err
	}
	s := &segment{file: f, number: number}
	s.size.Store(size)
	return s, nil
}

// append writes a frame and makes it durable: the commit point. On ErrFull
// nothing has happened; after any other error nobody knows, and nothing may
// be appended any more.
func (s *segment) append(frame []byte) error {
	if _, err := s.file.Write(frame); err != nil {
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
			return err
		}
		// What was written must not come back after a crash: the caller may
		// give up the commit and delete its files.
		if e := s.file.Truncate(s.size.Load()); e != nil {
			return fmt.Errorf("%w, and undoing it: %w", err, e)
		}
		if e := s.file.Sync(); e != nil {
			return fmt.Errorf("%w, and undoing it: %w", err, e)
		}
		return disk.Full(err)
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.size.Add(int64(len(frame)))
	return nil
}

// readSegment feeds the frames of a segment from the sequence number on, in
// order, to each; those before are repeats that the caller has. It returns the
// first number of the segment, the number after its last whole frame, and a
// description of the torn end, when there is one. last says that no segment
// follows: then a torn end with a whole frame behind it is damage.
func readSegment(fsys disk.FS, dir string, number uint64, last bool, from func(first uint64) (uint64, error),
	each func(seq uint64, payload, whole []byte) error) (next uint64, torn bool, err error) {
	f, err := fsys.Open(segmentPath(dir, number))
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return 0, false, err
	}
	if size < segmentHeader {
		return 0, false, fmt.Errorf("%d bytes: %w", size, lake.ErrCorrupt)
	}
	var h [segmentHeader]byte
	if _, err := f.ReadAt(h[:], 0); err != nil {
		return 0, false, err
	}
	first, err := parseSegmentHeader(h[:], number)
	if err != nil {
		return 0, false, err
	}
	want, err := from(first)
	if err != nil {
		return 0, false, err
	}
	const readAhead = 1 << 20
	body := io.NewSectionReader(f, segmentHeader, size-segmentHeader)
	in := frames{r: bufio.NewReaderSize(body, int(min(size, readAhead))), offset: segmentHeader, left: size - segmentHeader}
	next = first
	for {
		seq, payload, whole, err := in.next()
		switch {
		case errors.Is(err, io.EOF) && in.left == 0:
			return next, false, nil
		case errors.Is(err, errBadFrame):
			if last {
				err = refuseDamage(f, in.offset, size, next)
			} else {
				err = nil
			}
			return next, true, err
		case err != nil:
			return 0, false, err
		case seq != next:
			return 0, false, fmt.Errorf("frame %d at byte %d instead of %d: %w", seq, in.offset-int64(len(whole)), next, lake.ErrCorrupt)
		}
		next++
		if seq < want {
			continue
		}
		if err := each(seq, payload, whole); err != nil {
			return 0, false, fmt.Errorf("frame %d: %w", seq, err)
		}
	}
}

// refuseDamage tells a torn end from damage: every frame is synced before the
// next is written, so a whole frame behind a broken one means that synced
// bytes have changed.
func refuseDamage(f disk.File, offset, size int64, next uint64) error {
	rest := make([]byte, size-offset)
	if _, err := f.ReadAt(rest, offset); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if i := findFrame(rest, next+1); i >= 0 {
		return fmt.Errorf("frame %d at byte %d is damaged, a whole frame follows at byte %d: %w",
			next, offset, offset+int64(i), lake.ErrCorrupt)
	}
	return nil
}
