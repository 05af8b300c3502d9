package stream

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/eventlake/lake"
)

const (
	frameHeaderSize = 40
	frameHeadEnd    = 32 // where the head's own CRC is

	// frameTarget is the size at which a frame takes no further records. A read
	// checks whole frames, so a large one costs readers of small pieces.
	frameTarget = 1 << 20

	// maxFrameBody is more than any frame has: one that is nearly at its target
	// and then takes the largest body.
	maxFrameBody = frameTarget + lake.MaxBody + 1<<20

	maxSource = 255 // bytes of a source's name
)

const (
	kindRecords = 1
	kindGap     = 2
)

// frame is the head of a frame.
type frame struct {
	crc    uint32
	length int // of the body
	kind   byte
	count  uint64
	first  uint64
	time   lake.Instant // of its last record
}

func (f frame) last() uint64 { return f.first + f.count - 1 }

// size is the frame's length in the file.
func (f frame) size() int64 { return frameHeaderSize + int64(f.length) }

// parseFrame reads a frame's head; ok is false when it does not check. b has at
// least frameHeaderSize bytes.
func parseFrame(b []byte, salt uint32) (f frame, ok bool) {
	_ = b[frameHeaderSize-1]
	f.crc = binary.LittleEndian.Uint32(b)
	length := binary.LittleEndian.Uint32(b[4:])
	f.kind = b[11]
	f.count = uint64(binary.LittleEndian.Uint32(b[12:]))
	f.first = binary.LittleEndian.Uint64(b[16:])
	f.time = lake.Instant(binary.LittleEndian.Uint64(b[24:]))
	switch {
	case b[8] != 'L' || b[9] != 'F' || b[10] != formatVersion:
	case binary.LittleEndian.Uint32(b[frameHeadEnd:]) != headCRC(b, salt):
	case f.count == 0 || f.first == 0 || f.first+f.count < f.first || length > maxFrameBody:
	case f.kind == kindGap && length == 0:
		ok = true
	case f.kind == kindRecords:
		ok = true
	}
	f.length = int(length)
	return f, ok
}

// sealFrame fills in the head of the frame that b is, and its CRC.
func sealFrame(b []byte, f frame, salt uint32) {
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameHeaderSize))
	b[8], b[9], b[10], b[11] = 'L', 'F', formatVersion, f.kind
	binary.LittleEndian.PutUint32(b[12:], uint32(f.count))
	binary.LittleEndian.PutUint64(b[16:], f.first)
	binary.LittleEndian.PutUint64(b[24:], uint64(f.time))
	binary.LittleEndian.PutUint32(b[frameHeadEnd:], headCRC(b, salt))
	binary.LittleEndian.PutUint32(b, frameCRC(b, salt))
}

// headCRC computes the CRC of a frame's head alone.
func headCRC(b []byte, salt uint32) uint32 {
	return crc32.Update(salt, castagnoli(), b[4:frameHeadEnd])
}

// frameCRC computes the CRC of a whole frame.
func frameCRC(b []byte, salt uint32) uint32 { return crc32.Update(salt, castagnoli(), b[4:]) }

// appendRun encodes the chosen events, all of one source and log time.
func appendRun(b []byte, events []lake.Event, order []int32, at lake.Instant) []byte {
	lengths, bodies := 0, 0
	for _, i := range order {
		n := len(events[i].Body)
		lengths += uvarintSize(uint64(n))
		bodies += n
	}
	source := events[order[0]].Source
	b = slices.Grow(b, 64+len(source)+lengths+16*len(order)+bodies)
	b = binary.AppendUvarint(b, uint64(len(source)))
	b = append(b, source...)
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	b = binary.AppendUvarint(b, uint64(len(order)))
	b = binary.AppendUvarint(b, uint64(lengths))
	b = binary.AppendUvarint(b, uint64(bodies))
	for _, i := range order {
		b = binary.AppendUvarint(b, uint64(len(events[i].Body)))
	}
	for _, i := range order {
		b = append(b, events[i].ID[:]...)
	}
	for _, i := range order {
		b = append(b, events[i].Body...)
	}
	return b
}

func uvarintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// run is one run of a frame's body, its parts still encoded.
type run struct {
	source  []byte
	time    lake.Instant
	n       int
	lengths []byte
	ids     []byte
	bodies  []byte
}

// cutRun takes the first run off a frame's body.
func cutRun(b []byte) (r run, rest []byte, ok bool) {
	n, b, ok := cutUvarint(b)
	if !ok || n > maxSource || int(n)+8 > len(b) {
		return r, nil, false
	}
	r.source, b = b[:n], b[n:]
	r.time, b = lake.Instant(binary.LittleEndian.Uint64(b)), b[8:]
	count, b, ok1 := cutUvarint(b)
	lengths, b, ok2 := cutUvarint(b)
	bodies, b, ok3 := cutUvarint(b)
	if !ok1 || !ok2 || !ok3 || count == 0 {
		return r, nil, false
	}
	// Each part is bounded first, so that the sum cannot overflow.
	have := uint64(len(b))
	if count > have || lengths > have || bodies > have || lengths+16*count+bodies > have {
		return r, nil, false
	}
	r.n = int(count)
	r.lengths, b = b[:lengths], b[lengths:]
	r.ids, b = b[:16*count], b[16*count:]
	r.bodies, b = b[:bodies], b[bodies:]
	return r, b, true
}

func cutUvarint(b []byte) (uint64, []byte, bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}
