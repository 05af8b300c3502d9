package transform

import (
	"strconv"

	"github.com/eventlake/lake"
)

// Scanner reads events for one goroutine and reuses its memory.
type Scanner struct {
	t *Transformer

	// What the current event has shown so far.
	keys      keySet
	visited   uint64 // bit a node: its key was seen
	has       uint8  // bit a slot: spans and hashes are set
	spans     [slots]span
	hashes    [slots]uint64
	taken     uint16
	reason    lake.Reason
	at        int    // byte of the refusal
	what      string // the rest of it
	ambiguous bool   // the refused duplicate key leads to the id

	// Scratch.
	buf                        []byte
	idBuf, nameBuf, subtypeBuf []byte
	timeBuf                    []byte
	canon                      canonical
	names                      []*names
}

// span is where a value stands in the body.
type span struct{ start, end uint32 }

// Scan reads one event and fills the row; nil means that the lake can take it.
// The same arguments always give the same result. On a refusal only row.ID is
// set: to the event's id when that was found and readable, so that copies
// travel together, else to RouteID. The good path allocates nothing, except
// for a type and subtype that the scanner has not met lately.
func (s *Scanner) Scan(source lake.SourceID, body []byte, received lake.Instant, row *Row) *lake.Refusal {
	*row = Row{}
	if len(body) > lake.MaxEvent {
		row.ID = RouteID(source, body)
		return &lake.Refusal{Reason: lake.ReasonTooLarge,
			Detail: strconv.Itoa(len(body)) + " bytes, the limit is " + strconv.Itoa(lake.MaxEvent)}
	}
	hash, refusal := s.structure(body)
	if refusal == nil {
		refusal = s.fill(source, body, received, row)
	}
	if refusal != nil {
		*row = Row{ID: s.routeID(source, body)}
		return refusal
	}
	row.Fingerprint = uint32(hash ^ hash>>32)
	row.Taken = s.taken
	return nil
}

// structure reads the whole body, finding the mapped fields on the way.
func (s *Scanner) structure(body []byte) (hash uint64, refusal *lake.Refusal) {
	s.keys.reset()
	s.visited, s.has, s.taken, s.ambiguous = 0, 0, 0, false
	i := skip(body, 0)
	switch {
	case i >= len(body):
		s.refuse(lake.ReasonMalformed, i, "the body is empty")
		i = -1
	case body[i] != '{':
		s.refuse(lake.ReasonMalformed, i, "an event is a JSON object")
		i = -1
	default:
		i, hash = s.object(body, i+1, 1, rootNode)
	}
	if i >= 0 {
		if i = skip(body, i); i < len(body) {
			s.refuse(lake.ReasonMalformed, i, "something stands behind the object")
			i = -1
		}
	}
	if i < 0 {
		return 0, &lake.Refusal{Reason: s.reason, Detail: "byte " + strconv.Itoa(s.at) + ": " + s.what}
	}
	return hash, nil
}

// refuse notes why; its results are those of value.
func (s *Scanner) refuse(reason lake.Reason, at int, what string) (int, uint64) {
	s.reason, s.at, s.what = reason, at, what
	return -1, 0
}

// key looks at the key b[start:end] of an object on the way to mapped fields,
// and returns the node of its value. ok is false when it refused.
func (s *Scanner) key(b []byte, start, end int, hash uint64, escaped bool, at uint8) (child uint8, ok bool) {
	fresh := true
	if at == rootNode {
		fresh = s.keys.add(b, start, end, hash)
		if top := s.t.tree.lookTop(hash, b[start:end]); top != nil {
			child = top.node
			s.taken |= top.taken
		} else if escaped || b[start] == 'l' {
			s.taken |= prefixed(b[start:end])
		}
	} else if child = s.t.tree.look(at, hash, b[start:end]); child != noNode {
		fresh = s.visited>>child&1 == 0
		s.visited |= 1 << child
	}
	if !fresh {
		s.ambiguous = s.t.tree.nodes[child].leads>>slotID&1 != 0
		s.refuse(lake.ReasonDuplicate, start-1, "key "+quoted(b[start:end])+" is there twice")
		return noNode, false
	}
	return child, true
}

// found notes where the value of a mapped field stands.
func (s *Scanner) found(at uint8, start, end int, hash uint64) {
	ends := s.t.tree.nodes[at].ends
	s.has |= ends
	for i := range s.spans {
		if ends>>i&1 != 0 {
			s.spans[i], s.hashes[i] = span{uint32(start), uint32(end)}, hash
		}
	}
}

// raw is the value of a mapped field as it stands in the body; nil when it is
// absent or null.
func (s *Scanner) raw(body []byte, f slot) []byte {
	if s.has>>f&1 == 0 {
		return nil
	}
	v := body[s.spans[f].start:s.spans[f].end]
	if v[0] == 'n' {
		return nil
	}
	return v
}

// fill reads the mapped fields of a sound event.
func (s *Scanner) fill(source lake.SourceID, body []byte, received lake.Instant, row *Row) *lake.Refusal {
	id, what := s.idText(body)
	if what != "" {
		return &lake.Refusal{Reason: lake.ReasonBadID, Detail: what}
	}
	if refusal := s.fillName(body, row); refusal != nil {
		return refusal
	}
	if refusal := s.fillTime(body, received, row); refusal != nil {
		return refusal
	}
	if len(id) > 0 {
		row.ID = s.strongID(source, id)
	} else {
		row.ID, row.Weak = s.weakID(source, body), true
	}
	return nil
}

// quoted is the beginning of a text for people.
func quoted(b []byte) string {
	const most = 40
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(b))
}
