package transform

import (
	"bytes"

	"github.com/eventlake/lake"
)

// knownNames is how many pairs of type and subtype a scanner remembers.
const knownNames = 1024

// names are a pair of true names and the name for partitions, under one set of
// rules. They never change, so rows share them and may keep them.
type names struct {
	rules        *Transformer
	typ, subtype []byte
	safe         lake.Name
}

// fillName sets the true names and the path-safe one.
func (s *Scanner) fillName(body []byte, row *Row) *lake.Refusal {
	var refusal *lake.Refusal
	var typ, subtype []byte
	hash := uint64(0)
	if len(s.t.m.Name) > 0 {
		whole, bad := s.nameText(body, slotName, &s.nameBuf)
		if refusal = bad; refusal == nil && whole != nil {
			hash = s.hashes[slotName]
			typ = whole
			if i := bytes.IndexByte(whole, ':'); i >= 0 {
				typ, subtype = whole[:i], whole[i+1:]
			}
			if len(typ) == 0 {
				return &lake.Refusal{Reason: lake.ReasonBadName, Detail: "the name " + quoted(whole) + " has no type before the colon"}
			}
		}
	} else {
		if typ, refusal = s.nameText(body, slotType, &s.nameBuf); refusal != nil {
			return refusal
		}
		if subtype, refusal = s.nameText(body, slotSubtype, &s.subtypeBuf); refusal == nil {
			hash = foldMember(s.hashOf(slotType), s.hashOf(slotSubtype))
		}
	}
	if refusal != nil {
		return refusal
	}
	if typ == nil {
		if typ = s.t.defaultType; len(typ) == 0 {
			return &lake.Refusal{Reason: lake.ReasonNoName, Detail: "there is nothing at " + s.namePath().String()}
		}
	}
	if len(subtype) == 0 {
		subtype = s.t.defaultSubtype
	}
	row.setNames(s.namesOf(hash, typ, subtype))
	return nil
}

func (s *Scanner) namePath() Path {
	if len(s.t.m.Name) > 0 {
		return s.t.m.Name
	}
	return s.t.m.Type
}

func (s *Scanner) hashOf(f slot) uint64 {
	if s.has>>f&1 == 0 {
		return 0
	}
	return s.hashes[f]
}

// nameText returns the string at a mapped field, nil when there is none.
func (s *Scanner) nameText(body []byte, f slot, buf *[]byte) ([]byte, *lake.Refusal) {
	v := s.raw(body, f)
	if v == nil {
		return nil, nil
	}
	if v[0] != '"' {
		return nil, &lake.Refusal{Reason: lake.ReasonBadName, Detail: "the name is " + kindOf(v) + ", not a string"}
	}
	text := v[1 : len(v)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		*buf = unescaped(text, (*buf)[:0])
		text = *buf
	}
	if len(text) > maxText {
		return nil, &lake.Refusal{Reason: lake.ReasonBadName, Detail: "the name is longer than 256 bytes"}
	}
	if len(text) == 0 && f != slotSubtype {
		return nil, &lake.Refusal{Reason: lake.ReasonBadName, Detail: "the name is empty"}
	}
	return text, nil
}

// namesOf returns the names that rows share. Each pair has one place in a table,
// where the last pair that needed the place stays.
func (s *Scanner) namesOf(hash uint64, typ, subtype []byte) *names {
	place := &s.names[(hash^hash>>32)%knownNames]
	if n := *place; n != nil && bytes.Equal(n.typ, typ) && bytes.Equal(n.subtype, subtype) {
		return n
	}
	*place = &names{s.t, bytes.Clone(typ), bytes.Clone(subtype), lake.Name{Type: PathSafe(string(typ)), Subtype: PathSafe(string(subtype))}}
	return *place
}
