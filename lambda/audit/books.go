package audit

import (
	"cmp"
	"maps"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
)

// Row is what the parts of the lake say about one book: in events.
type Row struct {
	lake.Tally       // the receipts' and the commits'
	Raw        int64 `json:"raw"`     // different records in raw
	Repeats    int64 `json:"repeats"` // lines of raw that were delivered more than once
	Table      int64 `json:"table"`
}

// books gathers rows by book.
type books map[lake.Book]*Row

func (b books) row(book lake.Book) *Row {
	r := b[book]
	if r == nil {
		r = &Row{Tally: lake.Tally{Book: book}}
		b[book] = r
	}
	return r
}

func (b books) sorted() []Row {
	rows := slices.SortedFunc(maps.Values(b), func(x, y *Row) int {
		return cmp.Or(cmp.Compare(x.Hour, y.Hour), cmp.Compare(x.Source, y.Source), cmp.Compare(x.Type, y.Type))
	})
	out := make([]Row, len(rows))
	for i, r := range rows {
		out[i] = *r
	}
	return out
}

// seen tells records apart by a 64-bit hash of their place, 8 bytes each: of
// twenty million records, two share a hash in one audit of 100,000.
type seen map[uint64]struct{}

// add reports whether the record is new.
func (s seen) add(shard lake.ShardID, p lake.Position) bool {
	h := xxh3.HashString(string(shard))
	for _, w := range p.Seq {
		h = (h ^ w) * 0x9E3779B97F4A7C15
		h ^= h >> 32
	}
	h = (h ^ uint64(p.Sub)) * 0x9E3779B97F4A7C15
	if _, ok := s[h]; ok {
		return false
	}
	s[h] = struct{}{}
	return true
}
