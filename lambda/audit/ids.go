package audit

import (
	"encoding/binary"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
)

// idBytes is what an id takes of the memory, with the record that it came with:
// an entry in each of two maps that are half full, and its state.
const idBytes = 96

// ids are the events of a part of a day of a table that raw has of the hours.
// They are put in first; then they are counted, by any number of goroutines.
type ids struct {
	table       string
	limit       int
	part, shift uint64 // the first bits of the ids, in the low bits, and how many others there are

	mu      sync.Mutex
	index   map[lake.ID]int32
	state   []idState
	records seen
	books   books
	keys    []lake.Book // of the states
	byBook  map[lake.Book]int32
}

type idState struct {
	rows    int32
	book    int32
	arrived bool // a file has it that is in the table
}

// sighting is a line of raw.
type sighting struct {
	id      lake.ID
	record  uint64
	source  lake.SourceID
	hour    lake.Instant
	waiting bool // its file is not in the table yet
}

func newIDs(table lake.TableName, part string, limit int) (*ids, error) {
	s := &ids{table: string(table), limit: limit, shift: uint64(64 - len(part)), index: map[lake.ID]int32{}, records: seen{}, books: books{}, byBook: map[lake.Book]int32{}}
	if part == "" {
		return s, nil
	}
	var err error
	s.part, err = strconv.ParseUint(part, 2, 64)
	return s, err
}

// has reports whether an id belongs to the part.
func (s *ids) has(id lake.ID) bool {
	return binary.BigEndian.Uint64(id[:])>>s.shift == s.part // a shift by 64 leaves 0
}

// add puts lines in: errTooMany when there are more ids than the limit.
func (s *ids) add(lines []sighting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b lake.Book // of the line before: neighbours mostly agree
	var row *Row
	for i := range lines {
		l := &lines[i]
		if row == nil || l.source != b.Source || l.hour != b.Hour {
			b = lake.Book{Source: l.source, Type: s.table, Hour: l.hour}
			row = s.books.row(b)
		}
		if s.records.add(l.record) {
			row.Raw++
		} else {
			row.Repeats++
		}
		at, known := s.index[l.id]
		if !known {
			n, ok := s.byBook[b]
			if !ok {
				n = int32(len(s.keys))
				s.keys = append(s.keys, b)
				s.byBook[b] = n
			}
			at = int32(len(s.state))
			s.index[l.id] = at
			s.state = append(s.state, idState{book: n})
		}
		s.state[at].arrived = s.state[at].arrived || !l.waiting
	}
	if len(s.state) > s.limit || len(s.records) > 2*s.limit {
		return errTooMany
	}
	return nil
}

// row counts a row of the table.
func (s *ids) row(id lake.ID) {
	if at, ok := s.index[id]; ok {
		atomic.AddInt32(&s.state[at].rows, 1)
	}
}

// missing are the ids that have no row and should have one: those that only files
// have which wait for their table need none.
func (s *ids) missing() (out []lake.ID) {
	return s.which(func(st *idState) bool { return st.rows == 0 && st.arrived })
}

// doubled are the ids that have more than one row.
func (s *ids) doubled() []lake.ID {
	return s.which(func(st *idState) bool { return st.rows > 1 })
}

func (s *ids) which(wanted func(*idState) bool) (out []lake.ID) {
	for id, at := range s.index {
		if wanted(&s.state[at]) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, lake.ID.Compare)
	return out
}

// tell adds what was counted to a finding.
func (s *ids) tell(f *finding) {
	for i := range s.state {
		if st := &s.state[i]; st.rows > 0 {
			s.books.row(s.keys[st.book]).Table++
		}
	}
	f.books.add(s.books)
	for _, id := range s.doubled() {
		n := s.state[s.index[id]].rows
		f.Doubled += int64(n - 1)
		f.problem("table %s has event %s %d times", s.table, id, n)
	}
}

// seen tells records apart by a 64-bit hash of their place, 8 bytes each: of
// twenty million records, two share a hash in one audit of 100,000.
type seen map[uint64]struct{}

// add reports whether the record is new.
func (s seen) add(h uint64) bool {
	if _, ok := s[h]; ok {
		return false
	}
	s[h] = struct{}{}
	return true
}

// recordOf is the hash of a record's place.
func recordOf(shard lake.ShardID, p lake.Position) uint64 {
	h := xxh3.HashString(string(shard))
	for _, w := range p.Seq {
		h = (h ^ w) * 0x9E3779B97F4A7C15
		h ^= h >> 32
	}
	h = (h ^ uint64(p.Sub)) * 0x9E3779B97F4A7C15
	return h
}
