package ledger

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/eventlake/lake"
)

// entry is one claim as tables, log and runs keep it.
type entry struct {
	hi, lo      uint64 // the ID, big endian
	owner       owner  // 0 in an empty slot of a table
	fingerprint uint32
	time        uint32 // log time in seconds since 1970
}

// entrySize is the encoded size in bytes, the same in log and runs.
const entrySize = 32

// owner is a record's place: 16 bits of shard number, 48 bits of position.
type owner uint64

const (
	positionBits = 48
	maxPosition  = 1<<positionBits - 1
	maxShards    = 1 << (64 - positionBits)
)

func ownerOf(shard uint16, position uint64) owner {
	return owner(uint64(shard)<<positionBits | position)
}

func (o owner) shard() uint16    { return uint16(o >> positionBits) }
func (o owner) position() uint64 { return uint64(o) & maxPosition }

func splitID(id *lake.ID) (hi, lo uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}

func joinID(hi, lo uint64) (id lake.ID) {
	binary.BigEndian.PutUint64(id[:8], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	return id
}

// less orders entries by ID, as runs are sorted.
func (e *entry) less(f *entry) bool { return e.hi < f.hi || e.hi == f.hi && e.lo < f.lo }

func (e *entry) sameID(f *entry) bool { return e.hi == f.hi && e.lo == f.lo }

// put encodes e into b[:entrySize]. The ID comes first and big endian, so that
// encoded entries sort by their bytes.
func (e *entry) put(b []byte) {
	_ = b[entrySize-1] // one bounds check for all
	binary.BigEndian.PutUint64(b, e.hi)
	binary.BigEndian.PutUint64(b[8:], e.lo)
	binary.LittleEndian.PutUint64(b[16:], uint64(e.owner))
	binary.LittleEndian.PutUint32(b[24:], e.fingerprint)
	binary.LittleEndian.PutUint32(b[28:], e.time)
}

func (e *entry) get(b []byte) {
	_ = b[entrySize-1]
	e.hi = binary.BigEndian.Uint64(b)
	e.lo = binary.BigEndian.Uint64(b[8:])
	e.owner = owner(binary.LittleEndian.Uint64(b[16:]))
	e.fingerprint = binary.LittleEndian.Uint32(b[24:])
	e.time = binary.LittleEndian.Uint32(b[28:])
}

// filterKey is what a run's filters know of an ID. It is part of the run
// format. Two IDs with one key cost a needless look into the run, no more.
func filterKey(hi, lo uint64) uint64 {
	a, b := bits.Mul64(hi^0x9e3779b97f4a7c15, lo^0xd6e8feb86659fd93)
	return a ^ b
}

// seconds cuts log time to what an entry keeps.
func seconds(t lake.Instant) (uint32, error) {
	const unit = 1_000_000
	if t < 0 || t/unit > 1<<32-1 {
		return 0, fmt.Errorf("log time %s is outside 1970 to 2106: %w", t, lake.ErrInvalid)
	}
	return uint32(t / unit), nil
}

// ordinal takes a position of the embedded stream.
func ordinal(p lake.Position) (uint64, error) {
	n, ok := p.Uint64()
	if !ok || n > maxPosition {
		return 0, fmt.Errorf("position %s is not an ordinal below 2^%d: %w", p, positionBits, lake.ErrInvalid)
	}
	return n, nil
}
