package lake

import (
	"bytes"
	"encoding/hex"
)

// ID is the 128-bit identity of an event: a hash over its source and the id
// that the producer gave it (or, for a weak id, over the canonical body). Two
// copies of one event have the same ID; ids of different sources never meet.
type ID [16]byte

// String is the id as 32 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Compare orders IDs by their bytes: -1, 0 or 1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// SourceID names where events come from: an app, a server, a feed. A write key
// belongs to one source and a source has one mapping. Allowed: a-z, 0-9, '-',
// '_', '.', at most 64 bytes, not starting with '.'.
type SourceID string

// DefaultSource is used where no write keys are required.
const DefaultSource SourceID = "default"

// Validate reports ErrInvalid with a hint when the name is not allowed.
func (s SourceID) Validate() error {
	const hint = "use a-z, 0-9, '-', '_' and '.', at most 64 characters, not starting with '.'"
	if s == "" || len(s) > 64 || s[0] == '.' {
		return Errorf(ErrInvalid, hint, "source %q", string(s))
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return Errorf(ErrInvalid, hint, "source %q", string(s))
		}
	}
	return nil
}

// Event is what a producer sent, before anything was decided about it.
//
// A body that cannot be understood (broken JSON, no time) is an Event too: its
// ID is a hash of its bytes, used for routing only, and it ends in quarantine.
type Event struct {
	ID       ID       // routes copies of one event to one shard
	Source   SourceID // who sent it
	Received Instant  // when the collector took it; the stream makes it monotonic per shard
	Body     []byte   // the bytes as they came, one JSON value; at most MaxBody
	Gist     Gist     // what was read in Body already; may be the zero Gist
}

// Gist is what package transform has found in a body, beside the ID, so that the
// next stage of the same process need not read the body again. It lives in
// memory only. A Stream may drop it at any time and never changes it: the same
// follows from the body.
type Gist struct {
	By          any // whose rules found it; nil when there is no Gist
	Created     Instant
	Fingerprint uint32
	Taken       uint16
	Weak        bool
}

// MaxBody is the largest event body in bytes that may enter a Stream. Bodies
// over MaxEvent are kept up to here, but only to be quarantined.
const MaxBody = 10 << 20

// MaxEvent is the largest event in bytes that is not refused as oversized.
const MaxEvent = 1 << 20

// Record is an Event at its place in a shard.
type Record struct {
	Position Position
	Event
	// Refused is why the stream record could not be taken apart: Body has its
	// bytes then, for quarantine. Nil for everything else.
	Refused *Refusal
}

// Verdict is what became of a record. Every record gets exactly one.
type Verdict uint8

// The verdicts. The balance of the books is: accepted = unique + duplicate +
// quarantined + in flight.
const (
	Pending     Verdict = iota // not decided; never committed
	Unique                     // first with its ID: it is in raw and will be in a table
	Duplicate                  // another position owns the ID
	Quarantined                // kept aside with a Reason
)

// String is the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Unique:
		return "unique"
	case Duplicate:
		return "duplicate"
	case Quarantined:
		return "quarantined"
	}
	return "pending"
}

// Reason says in one stable word why an event is refused.
type Reason string

// The reasons for quarantine.
const (
	ReasonMalformed  Reason = "malformed_json"    // not one strict JSON object (RFC 8259, UTF-8)
	ReasonDuplicate  Reason = "duplicate_key"     // a key twice at the top level: which one counts is ambiguous
	ReasonTooDeep    Reason = "too_deep"          // nested deeper than the limit
	ReasonTooLarge   Reason = "too_large"         // body over MaxEvent, or a stream record that unpacks to more than it may
	ReasonBadID      Reason = "bad_id"            // the mapped id has a wrong type or length
	ReasonNoName     Reason = "missing_name"      // no event name or type and no default
	ReasonBadName    Reason = "bad_name"          // the name has a wrong type or length
	ReasonNoTime     Reason = "missing_time"      // no time at the mapped path
	ReasonBadTime    Reason = "bad_time"          // the time cannot be read
	ReasonOutOfRange Reason = "time_out_of_range" // before the lower bound or too far in the future
	ReasonConflict   Reason = "id_conflict"       // the ID is owned by an event with another body
)

// Refusal is why one event cannot be taken. It is an error value for callers
// of the pure transform; it never stops a batch.
type Refusal struct {
	Reason Reason
	Detail string // for people, e.g. "byte 17: invalid UTF-8"; never contains more than 200 bytes
}

// Error is "reason: detail".
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return string(r.Reason)
	}
	return string(r.Reason) + ": " + r.Detail
}
