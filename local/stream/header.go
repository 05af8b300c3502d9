package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
)

const (
	headerSize  = 64
	headerMagic = "LAKESEG1"
	segmentExt  = ".log"

	// flagGaps marks a segment that Repair put gap frames into.
	flagGaps = 1
)

// header is the head of a segment.
type header struct {
	flags uint16
	shard int
	first uint64
	prev  uint64       // first of the segment before; 0 for the very first
	salt  uint64       // of the stream, here too so that either place will do
	time  lake.Instant // log time of the record before first
}

func appendHeader(b []byte, h header) []byte {
	at := len(b)
	b = append(b, headerMagic...)
	b = binary.LittleEndian.AppendUint16(b, formatVersion)
	b = binary.LittleEndian.AppendUint16(b, h.flags)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.shard))
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = binary.LittleEndian.AppendUint64(b, h.prev)
	b = binary.LittleEndian.AppendUint64(b, h.salt)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.time))
	b = append(b, make([]byte, headerSize-4-(len(b)-at))...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli()))
}

func parseHeader(b []byte) (header, error) {
	var h header
	if len(b) < headerSize {
		return h, errors.New("shorter than a segment header")
	}
	b = b[:headerSize]
	if !bytes.HasPrefix(b, []byte(headerMagic)) {
		return h, errors.New("not a segment: wrong magic")
	}
	if binary.LittleEndian.Uint32(b[headerSize-4:]) != crc32.Checksum(b[:headerSize-4], castagnoli()) {
		return h, errors.New("segment header checksum does not match")
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != formatVersion {
		return h, fmt.Errorf("segment version %d is not known here", v)
	}
	h.flags = binary.LittleEndian.Uint16(b[10:])
	h.shard = int(binary.LittleEndian.Uint32(b[12:]))
	h.first = binary.LittleEndian.Uint64(b[16:])
	h.prev = binary.LittleEndian.Uint64(b[24:])
	h.salt = binary.LittleEndian.Uint64(b[32:])
	h.time = lake.Instant(binary.LittleEndian.Uint64(b[40:]))
	return h, nil
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// saltCRC is what the CRC of every frame starts from.
func saltCRC(salt uint64) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(nil, salt), castagnoli())
}

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", first, segmentExt))
}

// segmentFirst reads the first position from a file name; ok is false for names
// that are no segment's.
func segmentFirst(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentExt)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0
}
