package kinesis

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
)

// maxEvents is how many events one record may hold. Beyond it the record is one
// event: nobody packs that many, but somebody may send a bomb.
const maxEvents = 100_000

// skew is how far the time that a producer stamped on an event may lie behind
// the time that Kinesis saw it. A later stamp is a wrong clock or a forged tag.
const skew = time.Hour

// UnpackOptions say what is not written in the records. Zero values take the
// defaults.
type UnpackOptions struct {
	// Source is that of events that name none; default lake.DefaultSource.
	Source lake.SourceID
	// Identify gives events that other producers wrote the ID that routes them;
	// default a hash of source and body.
	Identify func(source lake.SourceID, body []byte) lake.ID
	// MaxExpanded bounds what one compressed record may become, in bytes; default
	// 64 MiB. A record that would exceed it, or a hundred times its size, stays
	// as it is.
	MaxExpanded int
}

func (o UnpackOptions) withDefaults() UnpackOptions {
	if o.Source == "" {
		o.Source = lake.DefaultSource
	}
	if o.Identify == nil {
		o.Identify = func(source lake.SourceID, body []byte) lake.ID {
			return xxh3.Hash128Seed(body, xxh3.HashString(string(source))).Bytes()
		}
	}
	if o.MaxExpanded <= 0 {
		o.MaxExpanded = 64 << 20
	}
	return o
}

// Unpacker takes stream records apart into events. It has memory that it uses
// again, so it belongs to one goroutine at a time.
//
// A record is one of these, tried in this order:
//
//   - empty: one event with an empty body;
//   - gzip or zstd: what it expands to, once;
//   - an aggregate (see the package comment). User records without our tags are
//     looked at like records of their own;
//   - lines of which one at least is a whole JSON object: every line that is not
//     blank is an event;
//   - everything else is one event, among it one JSON value over several lines.
//
// Nothing is an error. What cannot be read (broken compression, a damaged
// aggregate, a bomb, more than 100,000 events) is one event whose body is the
// record's bytes and which says why it is refused: so it is kept in quarantine,
// and its neighbours pass.
type Unpacker struct {
	options UnpackOptions

	gzip    *gzip.Reader
	zstd    *zstd.Decoder
	sources map[string]lake.SourceID
	keys    [][]byte

	// The record at hand.
	dst     []lake.Record
	first   int // where its events begin in dst
	seq     [3]uint64
	arrived lake.Instant
	budget  int           // bytes that its compressed parts may still expand to
	why     *lake.Refusal // what was last found wrong with it

	// What the tags of its aggregate said last.
	tagged   bool
	source   lake.SourceID
	received lake.Instant
}

// NewUnpacker returns an Unpacker.
func NewUnpacker(o UnpackOptions) *Unpacker {
	return &Unpacker{options: o.withDefaults(), sources: map[string]lake.SourceID{}}
}

// Unpack appends the events of a record to dst, at least one. Their positions
// are at.Seq with Sub counted from 0. Arrived is when Kinesis saw the record, 0
// when that is not known; it is the log time of events that have none. Bodies are parts of data, or of
// memory made for what was compressed: they are valid as long as data is.
func (u *Unpacker) Unpack(dst []lake.Record, at lake.Position, arrived lake.Instant, data []byte) []lake.Record {
	u.dst, u.first, u.seq, u.arrived = dst, len(dst), at.Seq, arrived
	u.budget = min(u.options.MaxExpanded, max(maxRatio*len(data), minExpanded))
	if !u.record(data) {
		clear(u.dst[u.first:])
		u.dst = u.dst[:u.first]
		u.push(u.options.Identify(u.options.Source, data), u.options.Source, arrived, data)
		u.dst[u.first].Refused = u.why
	}
	dst, u.dst = u.dst, nil
	return dst
}

// record appends the events of a whole stream record.
func (u *Unpacker) record(data []byte) bool {
	if kind := compression(data); kind != uncompressed {
		plain, ok := u.expand(kind, data)
		if !ok {
			return false
		}
		data = plain
	}
	if bytes.HasPrefix(data, []byte(magic)) {
		message, ok := isAggregate(data)
		if !ok {
			return u.refuse(lake.ReasonMalformed, "an aggregated record whose checksum is wrong: it is cut off or damaged")
		}
		return u.aggregate(message)
	}
	return u.plain(data)
}

// foreign appends the events of a user record that somebody else wrote.
func (u *Unpacker) foreign(data []byte) bool {
	if kind := compression(data); kind != uncompressed {
		plain, ok := u.expand(kind, data)
		if ok {
			return u.plain(plain)
		}
		why := u.why
		ok = u.addForeign(data)
		if ok {
			u.dst[len(u.dst)-1].Refused = why
		}
		return ok
	}
	return u.plain(data)
}

// refuse notes what is wrong with the record; it returns false.
func (u *Unpacker) refuse(reason lake.Reason, format string, args ...any) bool {
	u.why = &lake.Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
	return false
}

// add appends one event; false when it cannot be one, or is one too many.
func (u *Unpacker) add(id lake.ID, source lake.SourceID, received lake.Instant, body []byte) bool {
	if len(u.dst)-u.first >= maxEvents {
		return u.tooMany()
	}
	if len(body) > lake.MaxBody {
		return u.refuse(lake.ReasonTooLarge, "a record with an event of %d bytes, the limit is %d", len(body), lake.MaxBody)
	}
	u.push(id, source, received, body)
	return true
}

func (u *Unpacker) push(id lake.ID, source lake.SourceID, received lake.Instant, body []byte) {
	u.dst = append(u.dst, lake.Record{
		Position: lake.Position{Seq: u.seq, Sub: uint32(len(u.dst) - u.first)},
		Event:    lake.Event{ID: id, Source: source, Received: received, Body: body[:len(body):len(body)]},
	})
}

func (u *Unpacker) tooMany() bool {
	return u.refuse(lake.ReasonTooLarge, "a record with more than %d events", maxEvents)
}

func (u *Unpacker) addForeign(body []byte) bool {
	return u.add(u.options.Identify(u.options.Source, body), u.options.Source, u.arrived, body)
}

// maxSources bounds the memory for names; a stream has few.
const maxSources = 1000

// sourceOf returns the source of a tag, the default for a name that is none.
func (u *Unpacker) sourceOf(tag []byte) lake.SourceID {
	if s, ok := u.sources[string(tag)]; ok {
		return s
	}
	s := lake.SourceID(tag)
	if s.Validate() != nil {
		s = u.options.Source
	}
	if len(u.sources) >= maxSources {
		clear(u.sources)
	}
	u.sources[string(tag)] = s
	return s
}

// receivedOf returns the log time of a tag, the record's arrival when the tag
// says none or one that cannot be.
func (u *Unpacker) receivedOf(tag []byte) lake.Instant {
	n, err := strconv.ParseInt(string(tag), 10, 64)
	if err != nil || u.arrived != 0 && lake.Instant(n) > u.arrived.Add(skew) {
		return u.arrived
	}
	return lake.Instant(n)
}
