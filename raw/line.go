// Package raw writes and reads the raw layer: enriched events as gzip NDJSON,
// one file a partition and flush, under names that follow from the span they
// cover.
package raw

import (
	"bytes"
	"strconv"

	"github.com/eventlake/lake"
)

// Fields are what the lake adds to an event in raw. They stand behind the
// event's own members, in the order of Keys.
type Fields struct {
	ID       lake.ID
	Weak     bool   // the id is a hash of the body
	Type     []byte // true names, unescaped UTF-8
	Subtype  []byte
	Created  lake.Instant
	Source   lake.SourceID
	Shard    lake.ShardID
	Position lake.Position
	Received lake.Instant
	// Taken has bit i set when the event has a member named Keys()[i] itself;
	// then ours is written with the prefix "lake_".
	Taken uint16
}

// The added members, in the order they are written; bit i of Fields.Taken
// belongs to keys[i].
var keys = [...]string{
	"event_id", "event_type", "event_subtype", "created_datetime", "source", "shard", "position", "received_at", "weak_id",
}

// Prefix stands before the name of an added member when the event has one of
// that name. It is repeated until the name is free.
const Prefix = "lake_"

// Keys returns the names of the added members in their order. An event's own
// member collides when it equals one of them, or one of them behind one or
// more Prefix; either sets the bit in Fields.Taken.
func Keys() []string { return keys[:] }

// size bounds what Append adds to a body, but for characters that need an
// escape and for a repeated Prefix.
func (f *Fields) size() int {
	const fixed = 256 // names, punctuation, id, times
	return fixed + len(f.Type) + len(f.Subtype) + len(f.Source) + len(f.Shard) + 64
}

// Append writes the event with its added members and a newline at dst's end.
// The body must be one valid JSON object; its bytes stay as they are, except
// that line breaks between tokens become spaces.
func Append(dst, body []byte, f *Fields) []byte {
	body = bytes.TrimSpace(body)
	inner := bytes.TrimRight(body[:len(body)-1], " \t\r\n")
	start := len(dst)
	dst = append(dst, inner...)
	if bytes.IndexByte(inner, '\n') >= 0 || bytes.IndexByte(inner, '\r') >= 0 {
		for i, c := range dst[start:] { // inside strings a raw line break is not JSON, so these are between tokens
			if c == '\n' || c == '\r' {
				dst[start+i] = ' '
			}
		}
	}
	if len(inner) > 1 {
		dst = append(dst, ',')
	}
	free := f.prefix(body)
	dst = appendKey(dst, 0, f.Taken, free)
	dst = appendHex(dst, f.ID[:])
	dst = append(dst, '"', ',')
	dst = appendKey(dst, 1, f.Taken, free)
	dst = appendEscaped(dst, f.Type)
	dst = append(dst, '"', ',')
	dst = appendKey(dst, 2, f.Taken, free)
	dst = appendEscaped(dst, f.Subtype)
	dst = append(dst, '"', ',')
	dst = appendKey(dst, 3, f.Taken, free)
	dst = appendInstant(dst, f.Created)
	dst = append(dst, '"', ',')
	dst = appendKey(dst, 4, f.Taken, free)
	dst = append(dst, f.Source...)
	dst = append(dst, '"', ',')
	dst = appendKey(dst, 5, f.Taken, free)
	dst = append(dst, f.Shard...)
	dst = append(dst, '"', ',')
	dst = appendKey(dst, 6, f.Taken, free)
	if n, ok := f.Position.Uint64(); ok {
		dst = strconv.AppendUint(dst, n, 10)
	} else {
		dst = append(dst, f.Position.String()...)
	}
	dst = append(dst, '"', ',')
	dst = appendKey(dst, 7, f.Taken, free)
	dst = appendInstant(dst, f.Received)
	dst = append(dst, '"')
	if f.Weak {
		dst = append(dst, ',')
		dst = appendKey(dst, 8, f.Taken, free)
		dst = append(dst[:len(dst)-1], "true"...)
	}
	return append(dst, '}', '\n')
}

// prefix returns the shortest run of Prefix that no member of the body can
// hold in front of an added name.
func (f *Fields) prefix(body []byte) string {
	p := Prefix
	if f.Taken == 0 {
		return p
	}
	for mayBegin(body, p) {
		p += Prefix
	}
	return p
}

// mayBegin reports whether something behind a quote of the body begins with
// the text, however it is escaped.
func mayBegin(body []byte, text string) bool {
	for i := bytes.IndexByte(body, '"'); i >= 0; i = bytes.IndexByte(body, '"') {
		if body = body[i+1:]; begins(body, text) {
			return true
		}
	}
	return false
}

// begins reports whether a string's bytes in a body stand for the text and
// more. The text is letters and '_'.
func begins(b []byte, text string) bool {
	for i := range len(text) {
		switch {
		case len(b) >= 6 && b[0] == '\\' && b[1] == 'u' && b[2] == '0' && b[3] == '0' && unhex(b[4]|0x20)<<4|unhex(b[5]|0x20) == text[i]:
			b = b[6:]
		case len(b) > 0 && b[0] == text[i]:
			b = b[1:]
		default:
			return false
		}
	}
	return true
}

// appendKey writes `"name":"`; a value that is no string cuts the last quote.
func appendKey(dst []byte, i int, taken uint16, prefix string) []byte {
	dst = append(dst, '"')
	if taken&(1<<i) != 0 {
		dst = append(dst, prefix...)
	}
	dst = append(dst, keys[i]...)
	return append(dst, '"', ':', '"')
}

const hexDigits = "0123456789abcdef"

func appendHex(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

func appendEscaped(dst, s []byte) []byte {
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
