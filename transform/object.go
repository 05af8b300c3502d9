package transform

import (
	"encoding/binary"

	"github.com/eventlake/lake"
)

// value reads any value. Like everything in this file it returns where the
// value ends and the hash of its content, or an end of -1 when it refused.
// Depth is that of the surrounding value; node is where the value stands among
// the mapped paths.
func (s *Scanner) value(b []byte, i, depth int, node uint8) (end int, h uint64) {
	if i >= len(b) {
		return s.refuse(lake.ReasonMalformed, i, "the body ends where a value should be")
	}
	switch c := b[i]; c {
	case '"':
		end, h, _ = s.text(b, i+1)
		return end, h
	case '{':
		return s.object(b, i+1, depth+1, node)
	case '[':
		return s.array(b, i+1, depth+1)
	case 't':
		return s.literal(b, i, "true", hashTrue)
	case 'f':
		return s.literal(b, i, "false", hashFalse)
	case 'n':
		return s.literal(b, i, "null", hashNull)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(b, i)
	}
	return s.refuse(lake.ReasonMalformed, i, "not a value")
}

func (s *Scanner) literal(b []byte, i int, word string, h uint64) (int, uint64) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return s.refuse(lake.ReasonMalformed, i, "not a value")
	}
	return i + len(word), h
}

// array reads behind the opening bracket.
func (s *Scanner) array(b []byte, i, depth int) (end int, h uint64) {
	if depth > s.t.m.MaxDepth {
		return s.refuse(lake.ReasonTooDeep, i-1, "nested deeper than allowed")
	}
	h = hashArray
	if i = skip(b, i); i < len(b) && b[i] == ']' {
		return i + 1, h
	}
	for {
		var v uint64
		if i, v = s.value(b, i, depth, noNode); i < 0 {
			return -1, 0
		}
		h = fold(h^v, mulSequence)
		i = skip(b, i)
		switch {
		case i >= len(b):
			return s.refuse(lake.ReasonMalformed, len(b), "the body ends inside an array")
		case b[i] == ',':
			i = skip(b, i+1)
		case b[i] == ']':
			return i + 1, h
		default:
			return s.refuse(lake.ReasonMalformed, i, "neither ',' nor ']' behind an element")
		}
	}
}

// object reads behind the opening brace. The hash does not depend on the order
// of the members.
func (s *Scanner) object(b []byte, i, depth int, node uint8) (end int, h uint64) {
	if depth > s.t.m.MaxDepth {
		return s.refuse(lake.ReasonTooDeep, i-1, "nested deeper than allowed")
	}
	h = hashObject
	if i = skip(b, i); i < len(b) && b[i] == '}' {
		return i + 1, h
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return s.refuseMember(b, i, "no key where one should be")
		}
		key := i + 1
		after, k, escaped := s.text(b, key)
		if after < 0 {
			return -1, 0
		}
		child := uint8(noNode)
		if node != noNode {
			var ok bool
			if child, ok = s.key(b, key, after-1, k, escaped, node); !ok {
				return -1, 0
			}
		}
		if i = skip(b, after); i >= len(b) || b[i] != ':' {
			return s.refuseMember(b, i, "no ':' behind a key")
		}
		from := skip(b, i+1)
		var v uint64
		if from < len(b) && b[from] == '"' { // most values are strings: spare them a call
			i, v, _ = s.text(b, from+1)
		} else {
			i, v = s.value(b, from, depth, child)
		}
		if i < 0 {
			return -1, 0
		}
		if child != noNode && i < len(b) { // a number at the very end may be cut short
			s.found(child, from, i, v)
		}
		h += foldMember(k, v)
		i = skip(b, i)
		switch {
		case i >= len(b):
			return s.refuseMember(b, i, "")
		case b[i] == ',':
			i = skip(b, i+1)
		case b[i] == '}':
			return i + 1, fold(h, mulLast)
		default:
			return s.refuse(lake.ReasonMalformed, i, "neither ',' nor '}' behind a member")
		}
	}
}

func (s *Scanner) refuseMember(b []byte, i int, what string) (int, uint64) {
	if i >= len(b) {
		return s.refuse(lake.ReasonMalformed, len(b), "the body ends inside an object")
	}
	return s.refuse(lake.ReasonMalformed, i, what)
}

// skip returns the first place from i that is no white space.
func skip(b []byte, i int) int {
	if i < len(b) && b[i] > ' ' {
		return i
	}
	return skipSpace(b, i)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ' ':
			// Indented JSON has long runs of blanks.
			if i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:]) == spaces {
				i += 8
				continue
			}
			i++
		case '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
	return i
}
