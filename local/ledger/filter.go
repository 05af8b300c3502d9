package ledger

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/FastFilter/xorfilter"

	"github.com/eventlake/lake"
)

// filter is a binary fuse filter with 8 bits a key: it knows every key of its
// segment of a run and takes about one in 256 others for one of them. The
// library builds it; looking up is done here, since the arithmetic is part of
// the run format and must not change with the library.
type filter struct {
	seed         uint64
	length       uint32 // of a fuse segment, a power of two
	total        uint32 // of all fuse segments but the last two
	fingerprints []byte
}

// filterHeader is the encoded size without the fingerprints: seed 8, length 4,
// total 4, number of fingerprints 4, zero 4.
const filterHeader = 24

func (f *filter) contains(key uint64) bool {
	h := key + f.seed
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	hi, _ := bits.Mul64(h, uint64(f.total))
	h0 := uint32(hi)
	h1 := h0 + f.length
	h2 := h1 + f.length
	h1 ^= uint32(h>>18) & (f.length - 1)
	h2 ^= uint32(h) & (f.length - 1)
	fp := f.fingerprints
	return byte(h)^byte(h>>32) == fp[h0]^fp[h1]^fp[h2]
}

// appendFilter builds the filter of the keys and appends its encoding. keys
// may be reordered.
func appendFilter(b []byte, builder *xorfilter.BinaryFuseBuilder, keys []uint64) ([]byte, error) {
	built, err := xorfilter.BuildBinaryFuse[uint8](builder, keys)
	if err != nil {
		return nil, fmt.Errorf("filter of %d ids: %w", len(keys), err)
	}
	f := filter{built.Seed, built.SegmentLength, built.SegmentCountLength, built.Fingerprints}
	for _, k := range keys {
		if !f.contains(k) {
			return nil, fmt.Errorf("the filter of %d ids misses one: the filter library does not fit the run format", len(keys))
		}
	}
	b = binary.LittleEndian.AppendUint64(b, f.seed)
	b = binary.LittleEndian.AppendUint32(b, f.length)
	b = binary.LittleEndian.AppendUint32(b, f.total)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.fingerprints)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	return append(b, f.fingerprints...), nil
}

// parseFilter takes a filter off the front of b and keeps pointing into it.
func parseFilter(b []byte) (f filter, rest []byte, err error) {
	bad := func() (filter, []byte, error) { return f, nil, fmt.Errorf("filter: %w", lake.ErrCorrupt) }
	if len(b) < filterHeader {
		return bad()
	}
	f.seed = binary.LittleEndian.Uint64(b)
	f.length = binary.LittleEndian.Uint32(b[8:])
	f.total = binary.LittleEndian.Uint32(b[12:])
	n := uint64(binary.LittleEndian.Uint32(b[16:]))
	b = b[filterHeader:]
	if bits.OnesCount32(f.length) != 1 || f.total == 0 || f.total%f.length != 0 ||
		uint64(f.total)+2*uint64(f.length) != n || n > uint64(len(b)) {
		return bad()
	}
	f.fingerprints = b[:n:n]
	return f, b[n:], nil
}
