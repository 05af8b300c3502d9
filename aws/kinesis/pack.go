package kinesis

import (
	"crypto/md5" //nolint:gosec // what the format asks for: a checksum, no protection
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventlake/lake"
)

// Packer builds one aggregated record (see the package comment) from events. It
// copies what it is given. Its zero value is empty and ready.
type Packer struct {
	hash    [16]byte // the explicit hash key, big endian: the first event's ID
	keys    []byte   // encoded partition_key_table
	records []byte   // encoded records
	events  int

	source   lake.SourceID // as the tags said last
	received lake.Instant
}

// Reset forgets the events and keeps the memory.
func (p *Packer) Reset() {
	*p = Packer{keys: p.keys[:0], records: p.records[:0]}
}

// Events is how many events were added.
func (p *Packer) Events() int { return p.events }

// Size is the length in bytes of what AppendTo appends.
func (p *Packer) Size() int {
	if p.events == 0 {
		return 0
	}
	return frameSize + len(p.keys) + len(p.records)
}

const (
	idKey = 2 * len(lake.ID{}) // an id as a partition key

	// maxHashKey is the length of the largest hash key in decimal.
	maxHashKey = 39

	// frameSize is what an aggregate takes beside its keys and records, at most.
	frameSize = len(magic) + 2 + maxHashKey + md5.Size

	// eventSize is what an event takes beside body and source, at most: a key, a
	// record's head and data, and two tags.
	eventSize = 2 + idKey + (1 + 4) + (1 + 5) + 2 + (1 + 4) + (2 + 2 + len(tagSource) + 2) + (2 + 2 + len(tagReceived) + 2 + 20)
)

// SizeWith is at least the Size with one more event of a source and a body.
func (p *Packer) SizeWith(source lake.SourceID, body int) int {
	return frameSize + len(p.keys) + len(p.records) + eventSize + len(source) + body
}

// Add adds an event, whose source has at most 255 bytes.
func (p *Packer) Add(e *lake.Event) {
	if p.events == 0 {
		p.hash = e.ID
	}
	var text [20]byte
	var received []byte
	tags := 0
	newSource := p.source != e.Source || p.events == 0 && e.Source != ""
	if newSource {
		tags += 1 + protowire.SizeBytes(tagSize(tagSource, len(e.Source)))
	}
	// The first event always has the time, by which a record is known as ours.
	newReceived := p.received != e.Received || p.events == 0
	if newReceived {
		received = strconv.AppendInt(text[:0], int64(e.Received), 10)
		tags += 1 + protowire.SizeBytes(tagSize(tagReceived, len(received)))
	}

	b := protowire.AppendTag(p.keys, fieldKey, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(idKey))
	p.keys = hex.AppendEncode(b, e.ID[:])

	b = protowire.AppendTag(p.records, fieldRecord, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(1+protowire.SizeVarint(uint64(p.events))+2+1+protowire.SizeBytes(len(e.Body))+tags))
	b = protowire.AppendTag(b, fieldKeyIndex, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(p.events))
	b = protowire.AppendTag(b, fieldHashIndex, protowire.VarintType)
	b = protowire.AppendVarint(b, 0)
	b = protowire.AppendTag(b, fieldData, protowire.BytesType)
	b = protowire.AppendBytes(b, e.Body)
	if newSource {
		b = appendTag(b, tagSource, string(e.Source))
	}
	if newReceived {
		b = appendTag(b, tagReceived, string(received))
	}
	p.records = b
	p.source, p.received = e.Source, e.Received
	p.events++
}

// tagSize is the length of a Tag message.
func tagSize(key string, value int) int {
	return 1 + protowire.SizeBytes(len(key)) + 1 + protowire.SizeBytes(value)
}

func appendTag(b []byte, key, value string) []byte {
	b = protowire.AppendTag(b, fieldTag, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(tagSize(key, len(value))))
	b = protowire.AppendTag(b, fieldTagKey, protowire.BytesType)
	b = protowire.AppendString(b, key)
	b = protowire.AppendTag(b, fieldTagValue, protowire.BytesType)
	return protowire.AppendString(b, value)
}

// AppendTo appends the record's data to dst; nothing when there is no event.
func (p *Packer) AppendTo(dst []byte) []byte {
	if p.events == 0 {
		return dst
	}
	begin := len(dst) + len(magic)
	dst = append(dst, magic...)
	dst = append(dst, p.keys...)
	dst = protowire.AppendTag(dst, fieldHash, protowire.BytesType)
	dst = protowire.AppendString(dst, p.HashKey())
	dst = append(dst, p.records...)
	sum := md5.Sum(dst[begin:]) //nolint:gosec // see the import
	return append(dst, sum[:]...)
}

// HashKey is the record's explicit hash key in decimal: the first event's ID,
// so that the record goes to the shard of that event.
func (p *Packer) HashKey() string {
	return string(appendDecimal(nil, binary.BigEndian.Uint64(p.hash[:8]), binary.BigEndian.Uint64(p.hash[8:])))
}

// PartitionKey is the record's own partition key. It decides nothing about the
// shard; a Lambda that works on several batches of one shard at a time spreads
// records over them by it.
func (p *Packer) PartitionKey() string { return hex.EncodeToString(p.hash[:4]) }

// appendDecimal appends the 128-bit number hi, lo.
func appendDecimal(b []byte, hi, lo uint64) []byte {
	if hi == 0 {
		return strconv.AppendUint(b, lo, 10)
	}
	const e19 = 1e19 // the largest power of ten in 64 bits
	top, rem := hi/e19, hi%e19
	mid, low := bits.Div64(rem, lo, e19)
	b = appendDecimal(b, top, mid)
	digits := strconv.FormatUint(low, 10)
	for range 19 - len(digits) {
		b = append(b, '0')
	}
	return append(b, digits...)
}
