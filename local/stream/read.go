package stream

import (
	"context"
	"errors"
	"io"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// place is where the record at a position is found.
type place struct {
	at     uint64   // the position, gaps skipped; 0 at the end of the stream
	frame  *cached  // in memory, to be released, or nil
	file   *segment // in this file,
	from   mark     // reading from here
	until  uint64   // up to this position
	length int64    // of what may be read of the file
}

// find looks a position up.
func (sh *shard) find(after uint64) (place, error) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	select {
	case <-sh.stream.closed:
		return place{}, errClosed
	default:
	}
	if after < sh.trimmed {
		return place{}, lake.Errorf(lake.ErrTrimmed, "go on from the position that the stream still keeps, or rebuild from raw",
			"%s: position %d, kept from %d", sh.id, after+1, sh.trimmed+1)
	}
	after = sh.skipGaps(after)
	if after >= sh.next-1 {
		return place{}, nil
	}
	p := place{at: after + 1}
	if p.frame = sh.cache.find(p.at); p.frame != nil {
		return p, nil
	}
	i := sh.segmentAt(p.at)
	p.file = sh.segments[i]
	p.until, p.length = sh.end(i), p.file.size
	p.from = p.file.nearest(p.at)
	if p.file.resume.first == p.at {
		p.from = p.file.resume
	}
	return p, nil
}

// Read implements lake.Stream. A batch may hold fewer bytes than wanted when
// damage follows; the next Read reports it.
func (s *Stream) Read(ctx context.Context, id lake.ShardID, after lake.Position, want int, b *lake.Batch) error {
	b.Shard, b.Records, b.Buf = id, b.Records[:0], b.Buf[:0]
	sh, err := s.shard(id)
	if err != nil {
		return err
	}
	n, err := ordinal(after)
	if err != nil {
		return err
	}
	left := max(want, 1)
	for left > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := sh.find(n)
		if err != nil {
			if len(b.Records) > 0 && errors.Is(err, lake.ErrTrimmed) {
				return nil
			}
			return err
		}
		if p.at == 0 {
			return nil
		}
		var next uint64
		if p.frame != nil {
			var ok bool
			next, ok = decode(p.frame.frame, p.frame.body(), p.frame.gists, p.at, &left, b, &s.names, false)
			p.frame.release()
			if !ok {
				return lake.Errorf(lake.ErrCorrupt, "restart the lake; check the memory of the machine", "%s: the frame of position %d in memory", id, p.at)
			}
		} else if next, err = sh.readFile(p, &left, b); err != nil {
			if len(b.Records) > 0 && errors.Is(err, lake.ErrCorrupt) {
				return nil
			}
			if disk.IsNotExist(err) && sh.isTrimmed(n) {
				continue // Trim was faster; find says so
			}
			return err
		}
		n = next - 1
	}
	return nil
}

func (sh *shard) isTrimmed(after uint64) bool {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return after < sh.trimmed
}

// window is how much a read takes from a file at least, at once.
const window = 64 << 10

// readFile decodes the records from p.at on that one segment file holds, as
// many as are left to read. It returns the position after the last one.
func (sh *shard) readFile(p place, left *int, b *lake.Batch) (next uint64, err error) {
	file, err := sh.stream.fsys.Open(p.file.path)
	if err != nil {
		return p.at, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r := &fileReader{file: file, salt: sh.stream.salt, path: p.file.path, length: p.length, batch: b}
	offset := p.from.offset
	if p.from.first != p.at {
		if offset, err = sh.seek(r, p); err != nil {
			return p.at, err
		}
	}
	next = p.at
	defer func() {
		sh.mu.Lock()
		defer sh.mu.Unlock()
		p.file.resume = mark{next, offset}
	}()
	for *left > 0 && next <= p.until {
		f, data, err := r.frame(offset, next, *left)
		if err != nil {
			return next, err
		}
		var ok bool
		if next, ok = decode(f, data[frameHeaderSize:], nil, next, left, b, &sh.stream.names, true); !ok {
			return next, damaged(p.file.path, offset, "a frame is malformed")
		}
		if next > f.last() {
			offset += f.size()
		}
	}
	return next, nil
}

// seek walks the frames' heads to the frame that holds p.at and notes some of
// the places on the way.
func (sh *shard) seek(r *fileReader, p place) (int64, error) {
	defer func() { r.data = nil }() // it was read into memory that is not taken
	offset, expect, noted := p.from.offset, p.from.first, p.from.offset
	for {
		f, err := r.head(offset, expect)
		if err != nil {
			return 0, err
		}
		if offset-noted >= markDistance {
			sh.mu.Lock()
			p.file.noteMark(f.first, offset)
			sh.mu.Unlock()
			noted = offset
		}
		if f.last() >= p.at {
			return offset, nil
		}
		expect = f.last() + 1
		offset += f.size()
	}
}

// noteMark adds a mark behind all others; the shard's lock is held.
func (g *segment) noteMark(first uint64, offset int64) {
	if n := len(g.marks); n == 0 || g.marks[n-1].first < first {
		g.addMark(first, offset)
	}
}

// fileReader reads frames of one file into the memory of a batch.
type fileReader struct {
	file   disk.File
	path   string
	salt   uint32
	length int64 // bytes of the file that may be read
	batch  *lake.Batch
	data   []byte // what was read last
	start  int64  // where that lies in the file
}

// load makes n bytes at an offset available, and up to want when the file has
// them. With keep the memory is taken from the batch's, for records to point to;
// otherwise it is valid until the next load.
func (r *fileReader) load(offset int64, n, want int, keep bool) ([]byte, error) {
	if offset >= r.start && offset+int64(n) <= r.start+int64(len(r.data)) {
		return r.data[offset-r.start:], nil
	}
	if offset+int64(n) > r.length {
		return nil, damaged(r.path, offset, "the file ends %d bytes early", offset+int64(n)-r.length)
	}
	want = int(min(int64(max(n, want)), r.length-offset))
	b := r.batch
	b.Buf = room(b.Buf, want)
	at := len(b.Buf)
	got, err := r.file.ReadAt(b.Buf[at:at+want], offset)
	if got < n {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, damaged(r.path, offset, "the file ends %d bytes early", n-got)
		}
		return nil, err
	}
	r.data, r.start = b.Buf[at:at+got], offset
	if keep {
		b.Buf = b.Buf[:at+got]
	}
	return r.data, nil
}

// head reads a frame's head, which should begin at a position.
func (r *fileReader) head(offset int64, first uint64) (frame, error) {
	b, err := r.load(offset, frameHeaderSize, window, false)
	if err != nil {
		return frame{}, err
	}
	f, ok := parseFrame(b, r.salt)
	if !ok || f.first != first {
		return f, damaged(r.path, offset, "no frame of position %d", first)
	}
	return f, nil
}

// frame reads a whole frame that holds a position, and checks it.
func (r *fileReader) frame(offset int64, at uint64, left int) (frame, []byte, error) {
	b, err := r.load(offset, frameHeaderSize, left+left/8+window, true)
	if err != nil {
		return frame{}, nil, err
	}
	f, ok := parseFrame(b, r.salt)
	if !ok || at < f.first || at > f.last() {
		return f, nil, damaged(r.path, offset, "no frame of position %d", at)
	}
	size := int(f.size())
	if b, err = r.load(offset, size, left+left/8+window, true); err != nil {
		return f, nil, err
	}
	if b = b[:size]; frameCRC(b, r.salt) != f.crc {
		return f, nil, damaged(r.path, offset, "the checksum of positions %d to %d does not match", f.first, f.last())
	}
	return f, b, nil
}
