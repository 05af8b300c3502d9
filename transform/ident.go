package transform

import (
	"bytes"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
)

// What stands between the source and the rest in the hashed text. A source
// holds none of these bytes, so the kinds never meet.
const (
	strong = 0x00 // the id that the producer gave
	weak   = 0x01 // the canonical body
	route  = 0x02 // a hash of the body as it is
)

// RouteID is the id under which a body travels that Scan refuses and in which
// it finds no id: a hash of its source and bytes. It is never claimed.
func RouteID(source lake.SourceID, body []byte) lake.ID {
	h := xxh3.Hash128(body).Bytes()
	text := append(append([]byte(source), route), h[:]...)
	return lake.ID(xxh3.Hash128(text).Bytes())
}

func (s *Scanner) strongID(source lake.SourceID, id []byte) lake.ID {
	s.buf = append(append(s.buf[:0], source...), strong)
	s.buf = append(s.buf, id...)
	return lake.ID(xxh3.Hash128(s.buf).Bytes())
}

func (s *Scanner) weakID(source lake.SourceID, body []byte) lake.ID {
	s.canon.out = append(append(s.canon.out[:0], source...), weak)
	s.canon.value(body, skip(body, 0))
	return lake.ID(xxh3.Hash128(s.canon.out).Bytes())
}

// routeID is the id of a refused event.
func (s *Scanner) routeID(source lake.SourceID, body []byte) lake.ID {
	if !s.ambiguous {
		if id, what := s.idText(body); what == "" && len(id) > 0 {
			return s.strongID(source, id)
		}
	}
	return RouteID(source, body)
}

// idText returns the text of the event's id; empty when it has none. What is
// not empty when there is one that cannot be an id.
func (s *Scanner) idText(body []byte) (text []byte, what string) {
	v := s.raw(body, slotID)
	switch {
	case v == nil:
		return nil, ""
	case v[0] == '"':
		if text = v[1 : len(v)-1]; bytes.IndexByte(text, '\\') >= 0 {
			s.idBuf = unescaped(text, s.idBuf[:0])
			text = s.idBuf
		}
	case v[0] == '-' || v[0]-'0' <= 9:
		if bytes.ContainsAny(v, ".eE") {
			return nil, "the id " + quoted(v) + " is a number with a fraction or an exponent"
		}
		text = v
		if string(v) == "-0" {
			text = v[1:]
		}
	default:
		return nil, "the id is " + kindOf(v) + ", not a string or an integer"
	}
	if len(text) > maxText {
		return nil, "the id is longer than 256 bytes"
	}
	return text, ""
}

// kindOf names what a value is, for people.
func kindOf(v []byte) string {
	switch strings.IndexByte(`{["tfn`, v[0]) {
	case 0:
		return "an object"
	case 1:
		return "an array"
	case 2:
		return "a string"
	case 3, 4:
		return "a boolean"
	case 5:
		return "null"
	}
	return "a number"
}
