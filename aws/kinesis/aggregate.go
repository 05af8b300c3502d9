package kinesis

import (
	"crypto/md5" //nolint:gosec // what the format asks for: a checksum, no protection
	"encoding/hex"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventlake/lake"
)

// magic begins an aggregated record.
const magic = "\xf3\x89\x9a\xc2"

// The numbers of the fields in the messages of an aggregate.
const (
	fieldKey    protowire.Number = 1 // AggregatedRecord.partition_key_table
	fieldHash   protowire.Number = 2 // AggregatedRecord.explicit_hash_key_table
	fieldRecord protowire.Number = 3 // AggregatedRecord.records

	fieldKeyIndex  protowire.Number = 1 // Record.partition_key_index
	fieldHashIndex protowire.Number = 2 // Record.explicit_hash_key_index
	fieldData      protowire.Number = 3 // Record.data
	fieldTag       protowire.Number = 4 // Record.tags

	fieldTagKey   protowire.Number = 1 // Tag.key
	fieldTagValue protowire.Number = 2 // Tag.value
)

// The tags that carry what an event is beside its body.
const (
	tagSource   = "source"
	tagReceived = "received"
)

// isAggregate returns the message inside a record that has the magic number and
// the right checksum.
func isAggregate(data []byte) (message []byte, ok bool) {
	if len(data) < len(magic)+md5.Size || string(data[:len(magic)]) != magic {
		return nil, false
	}
	message = data[len(magic) : len(data)-md5.Size]
	return message, md5.Sum(message) == [md5.Size]byte(data[len(data)-md5.Size:]) //nolint:gosec // see the import
}

// aggregate appends the events of an aggregate's message; false when the message
// is malformed or holds too many, and then what was appended is to be dropped.
func (u *Unpacker) aggregate(message []byte) bool {
	u.keys = u.keys[:0]
	records := 0
	for rest := message; len(rest) > 0; {
		number, value, n := field(rest)
		if n < 0 {
			return u.noAggregate()
		}
		switch rest = rest[n:]; number {
		case fieldKey:
			u.keys = append(u.keys, value)
		case fieldRecord:
			records++
		}
	}
	switch {
	case records == 0:
		return u.refuse(lake.ReasonMalformed, "an aggregated record without events")
	case records > maxEvents:
		return u.tooMany()
	}
	u.tagged, u.source, u.received = false, u.options.Source, u.arrived
	for rest := message; len(rest) > 0; {
		number, value, n := field(rest)
		rest = rest[n:]
		if number == fieldRecord && !u.userRecord(value) {
			return false
		}
	}
	clear(u.keys)
	return true
}

// noAggregate is for what has the frame of an aggregate and is no message of it.
func (u *Unpacker) noAggregate() bool {
	return u.refuse(lake.ReasonMalformed, "an aggregated record that is not written as the format asks for")
}

// userRecord appends the events of one user record.
func (u *Unpacker) userRecord(message []byte) bool {
	var data []byte
	key := uint64(math.MaxUint64)
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return u.noAggregate()
		}
		message = message[n:]
		switch {
		case number == fieldKeyIndex && kind == protowire.VarintType:
			key, n = protowire.ConsumeVarint(message)
		case number == fieldData && kind == protowire.BytesType:
			data, n = protowire.ConsumeBytes(message)
		case number == fieldTag && kind == protowire.BytesType:
			var tag []byte
			if tag, n = protowire.ConsumeBytes(message); n >= 0 && !u.tag(tag) {
				return false
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return u.noAggregate()
		}
		message = message[n:]
	}
	if key >= uint64(len(u.keys)) {
		return u.noAggregate()
	}
	if !u.tagged {
		return u.foreign(data)
	}
	return u.add(u.id(u.keys[key], data), u.source, u.received, data)
}

// tag takes over what a tag says; tags with other names mean nothing here.
func (u *Unpacker) tag(message []byte) bool {
	var key, value []byte
	for len(message) > 0 {
		number, v, n := field(message)
		if n < 0 {
			return u.noAggregate()
		}
		switch message = message[n:]; number {
		case fieldTagKey:
			key = v
		case fieldTagValue:
			value = v
		}
	}
	switch string(key) {
	case tagSource:
		u.tagged, u.source = true, u.sourceOf(value)
	case tagReceived:
		u.tagged, u.received = true, u.receivedOf(value)
	}
	return true
}

// id is the event's id: the user record's partition key when it is one.
func (u *Unpacker) id(key, body []byte) (id lake.ID) {
	if len(key) == hex.EncodedLen(len(id)) {
		if _, err := hex.Decode(id[:], key); err == nil {
			return id
		}
	}
	return u.options.Identify(u.source, body)
}

// field takes one field from a message. The value is that of a field of bytes
// and nil for every other; n is negative when the message is malformed.
func field(message []byte) (number protowire.Number, value []byte, n int) {
	number, kind, n := protowire.ConsumeTag(message)
	if n < 0 {
		return 0, nil, n
	}
	var size int
	if kind == protowire.BytesType {
		value, size = protowire.ConsumeBytes(message[n:])
	} else {
		number, size = 0, protowire.ConsumeFieldValue(number, kind, message[n:])
	}
	if size < 0 {
		return 0, nil, size
	}
	return number, value, n + size
}
