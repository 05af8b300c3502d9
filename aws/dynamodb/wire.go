package dynamodb

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/eventlake/lake"
)

// record is one commit, without the claims.
type record struct {
	time   lake.Instant
	span   lake.Span
	add    []lake.File
	remove []lake.Key
	books  []lake.Tally
	names  []lake.Name
}

// version begins a content that has parts. One of before is JSON and has its
// files there; it is still read.
const version = 2

// wireRecord is a record as it is stored: JSON, and behind it the parts.
type wireRecord struct {
	Time   lake.Instant `json:"time"`
	Span   *lake.Span   `json:"span,omitempty"` // nil when no position moves
	Parts  []wirePart   `json:"parts,omitempty"`
	Add    wireFiles    `json:"add,omitzero"` // before version 2
	Remove []lake.Key   `json:"remove,omitempty"`
	Books  []lake.Tally `json:"books,omitempty"`
	Names  []lake.Name  `json:"names,omitempty"`
}

// wireState is a state as a checkpoint stores it: JSON, and behind it the parts
// that have no object.
type wireState struct {
	Commits  uint64        `json:"commits"`
	Position lake.Position `json:"position"`
	Time     lake.Instant  `json:"time"`
	Parts    []wirePart    `json:"parts,omitempty"`
	Files    wireFiles     `json:"files,omitzero"` // before version 2
	Books    []lake.Tally  `json:"books,omitempty"`
	Names    []wireName    `json:"names,omitempty"`
}

type wireName struct {
	lake.Name
	Time lake.Instant `json:"time"`
}

// wirePart is what a part says of its files.
type wirePart struct {
	Files   int           `json:"n"`
	To      lake.Position `json:"z,omitzero"`
	Foreign bool          `json:"s,omitempty"`
	From    lake.Instant  `json:"r,omitempty"`
	Until   lake.Instant  `json:"u,omitempty"`
	Object  lake.Key      `json:"o,omitempty"` // has the content; "": it lies behind the JSON
	Size    int           `json:"b"`
	CRC     uint32        `json:"c"`
}

func (p *part) wire() wirePart {
	return wirePart{p.files, p.to, p.foreign, p.from, p.until, p.object, p.size, p.crc}
}

// framed is JSON with the contents of parts behind it.
func framed(v any, parts ...*part) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b := binary.AppendUvarint([]byte{version}, uint64(len(text)))
	b = append(b, text...)
	for _, p := range parts {
		if p.object == "" {
			b = append(b, p.content...)
		}
	}
	return b, nil
}

// unframed reads the JSON and returns what lies behind it.
func unframed(b []byte, v any) (rest []byte, err error) {
	text := b
	if len(b) > 0 && b[0] == version {
		n, size := binary.Uvarint(b[1:])
		if size <= 0 || n > uint64(len(b)-1-size) {
			return nil, fmt.Errorf("a content is cut: %w", lake.ErrCorrupt)
		}
		text, rest = b[1+size:][:n], b[1+size:][n:]
	}
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("%w: %w", lake.ErrCorrupt, err)
	}
	return rest, nil
}

// partsOf makes the parts anew; contents without an object are cut from rest.
func partsOf(shard lake.ShardID, wires []wirePart, rest []byte) ([]*part, error) {
	parts := make([]*part, len(wires))
	for i, w := range wires {
		p := &part{files: w.Files, to: w.To, foreign: w.Foreign, from: w.From, until: w.Until, object: w.Object, size: w.Size, crc: w.CRC}
		parts[i] = p
		if p.object != "" {
			continue
		}
		if p.size < 0 || p.size > len(rest) {
			return nil, fmt.Errorf("a part of %d files is cut: %w", p.files, lake.ErrCorrupt)
		}
		if err := p.fill(shard, bytes.Clone(rest[:p.size])); err != nil { // what else was read is not kept
			return nil, err
		}
		rest = rest[p.size:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes behind the last part: %w", len(rest), lake.ErrCorrupt)
	}
	return parts, nil
}

func encodeRecord(shard lake.ShardID, r *record) ([]byte, error) {
	w := wireRecord{Time: r.time, Remove: r.remove, Books: r.books, Names: r.names}
	if !r.span.Empty() {
		w.Span = &r.span
	}
	k := newPacker(shard)
	for i := range r.add {
		k.add(&r.add[i], 0)
	}
	p := k.part()
	if p == nil {
		return framed(&w)
	}
	w.Parts = []wirePart{p.wire()}
	return framed(&w, p)
}

func decodeRecord(shard lake.ShardID, b []byte) (*record, error) {
	var w wireRecord
	rest, err := unframed(b, &w)
	if err != nil {
		return nil, err
	}
	r := &record{time: w.Time, remove: w.Remove, books: w.Books, names: w.Names}
	if w.Span != nil {
		r.span = *w.Span
	}
	parts, err := partsOf(shard, w.Parts, rest)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		p.each(shard, func(u *unpacker) bool {
			r.add = append(r.add, u.live().file)
			return true
		})
	}
	return r, w.Add.unpack(shard, func(f lake.File, _ lake.Instant) { r.add = append(r.add, f) })
}

func encodeState(s *state) ([]byte, error) {
	w := wireState{Commits: s.commits, Position: s.position, Time: s.time, Names: s.names}
	for _, p := range s.parts {
		w.Parts = append(w.Parts, p.wire())
	}
	for _, hour := range s.books {
		w.Books = slices.AppendSeq(w.Books, maps.Values(hour))
	}
	slices.SortFunc(w.Books, compareTallies)
	return framed(&w, s.parts...)
}

func decodeState(shard lake.ShardID, b []byte) (*state, error) {
	var w wireState
	rest, err := unframed(b, &w)
	if err != nil {
		return nil, err
	}
	s := &state{shard: shard, commits: w.Commits, position: w.Position, time: w.Time, names: w.Names, base: w.Commits}
	if s.parts, err = partsOf(shard, w.Parts, rest); err != nil {
		return nil, err
	}
	for _, p := range s.parts {
		if p.object != "" {
			s.objects = append(s.objects, p.object)
		}
	}
	s.book(w.Books)
	return s, w.Files.unpack(shard, func(f lake.File, at lake.Instant) {
		s.tail = append(s.tail, live{f, at})
		s.fold()
	})
}
