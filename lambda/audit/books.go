package audit

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eventlake/lake"
)

// Row is what the parts of the lake say about one book: in events.
type Row struct {
	lake.Tally       // the receipts' and the commits'
	Raw        int64 `json:"raw"`     // different records in raw
	Repeats    int64 `json:"repeats"` // lines of raw that were delivered more than once
	Table      int64 `json:"table"`   // different events of these that have a row
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

// add adds what pieces have found.
func (b books) add(c books) {
	for k, r := range c {
		row := b.row(k)
		row.Raw += r.Raw
		row.Repeats += r.Repeats
		row.Table += r.Table
	}
}

// of are those of one table.
func (b books) of(table string) books {
	out := books{}
	for k, r := range b {
		if k.Type == table {
			out[k] = r
		}
	}
	return out
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

// compare names every book of a table that has another number of events than
// raw.
func (a *auditor) compare(table string, f *finding) {
	for _, r := range a.books.of(table).sorted() {
		a.report.Rows = append(a.report.Rows, r)
		if r.Raw != r.Unique && a.passed != "2 "+table {
			f.Gap += max(r.Unique-r.Raw, r.Raw-r.Unique)
			f.problem("source %s, table %s, hour %s: %d events are unique by the books, %d are in raw",
				r.Source, cmp.Or(table, "(none)"), r.Hour, r.Unique, r.Raw)
		}
	}
}
