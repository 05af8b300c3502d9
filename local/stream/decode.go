package stream

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/eventlake/lake"
)

// minCharge is what a record counts at least against the bytes that a reader
// asked for, so that a batch of empty bodies stays small too.
const minCharge = 32

// decode appends the records of a frame's body from position from on to b, until
// left, the wanted bytes of bodies, is used up; at least one. With inPlace the
// records point into body, else the bodies are copied to b.Buf. What was read in
// them, if that is known, are the gists of the whole frame. It returns the
// position after the last record taken; ok is false when the body is malformed.
func decode(f frame, body []byte, known gists, from uint64, left *int, b *lake.Batch, names *names, inPlace bool) (next uint64, ok bool) {
	if f.kind == kindGap {
		return f.last() + 1, true
	}
	at := f.first
	for len(body) > 0 {
		var r run
		if r, body, ok = cutRun(body); !ok || at+uint64(r.n)-1 > f.last() {
			return at, false
		}
		if at+uint64(r.n) <= from {
			at += uint64(r.n)
			continue
		}
		begin := len(b.Records)
		if at, ok = r.decode(at, from, left, b, names, inPlace); !ok {
			return at, false
		}
		known.fill(b.Records[begin:], at-f.first)
		if *left <= 0 {
			return at, true
		}
	}
	return at, at == f.last()+1
}

// decode is decode for one run whose first record is at.
func (r *run) decode(at, from uint64, left *int, b *lake.Batch, names *names, inPlace bool) (uint64, bool) {
	lengths, bodies, ids := r.lengths, r.bodies, r.ids
	n := r.n
	for ; at < from; at, n = at+1, n-1 {
		size, rest, ok := cutUvarint(lengths)
		if !ok || size > uint64(len(bodies)) {
			return at, false
		}
		lengths, bodies, ids = rest, bodies[size:], ids[16:]
	}
	// How many records, and how many bytes are their bodies?
	take, total := 0, 0
	for rest := lengths; take < n && *left > 0; take++ {
		size, more, ok := cutUvarint(rest)
		if !ok || size > uint64(len(bodies)-total) {
			return at, false
		}
		rest = more
		total += int(size)
		*left -= max(int(size), minCharge)
	}
	if !inPlace {
		b.Buf = room(b.Buf, total)
		start := len(b.Buf)
		b.Buf = append(b.Buf, bodies[:total]...)
		bodies = b.Buf[start:]
	}
	source := names.get(r.source)
	i := len(b.Records)
	b.Records = slices.Grow(b.Records, take)[:i+take]
	for ; take > 0; take, i, at = take-1, i+1, at+1 {
		size, rest, _ := cutUvarint(lengths) // was fine above
		lengths = rest
		rec := &b.Records[i]
		rec.Position = lake.Pos(at)
		copy(rec.ID[:], ids)
		rec.Source = source
		rec.Received = r.time
		rec.Body = bodies[:size:size]
		bodies, ids = bodies[size:], ids[16:]
	}
	return at, true
}

// fill gives the records their gists; the last of them stands before the n-th
// record of the frame.
func (g gists) fill(records []lake.Record, n uint64) {
	from := int(n) - len(records)
	for i := range records {
		if records[i].Gist = (lake.Gist{}); len(g) > 0 {
			records[i].Gist = g[from+i]
		}
	}
}

// valid reports whether a frame's body is well formed.
func (f frame) valid(body []byte) bool {
	if f.kind == kindGap {
		return len(body) == 0
	}
	var count uint64
	for len(body) > 0 {
		r, rest, ok := cutRun(body)
		if !ok {
			return false
		}
		total, lengths := uint64(0), r.lengths
		for range r.n {
			size, n := binary.Uvarint(lengths)
			if n <= 0 || size > uint64(len(r.bodies)) {
				return false
			}
			lengths = lengths[n:]
			total += size
		}
		if len(lengths) > 0 || total != uint64(len(r.bodies)) {
			return false
		}
		count += uint64(r.n)
		body = rest
	}
	return count == f.count
}

// room makes place for n more bytes. When that needs a new array the old
// content is not taken along: records that point to it keep it alive, and the
// next batch starts with the larger array.
func room(buf []byte, n int) []byte {
	if cap(buf)-len(buf) >= n {
		return buf
	}
	return make([]byte, 0, max(2*cap(buf), n, 64<<10))
}

// names holds one string a source, so that reading makes none.
type names struct {
	mu    sync.RWMutex
	known map[string]lake.SourceID
}

// maxNames bounds the memory; sources beyond it cost an allocation a run.
const maxNames = 4096

func (n *names) get(b []byte) lake.SourceID {
	n.mu.RLock()
	s, ok := n.known[string(b)]
	n.mu.RUnlock()
	if ok {
		return s
	}
	s = lake.SourceID(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = map[string]lake.SourceID{}
	}
	if len(n.known) < maxNames {
		n.known[string(s)] = s
	}
	return s
}
