package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

// piece is what is looked at in one go. Its order among the others does not
// change from call to call.
type piece struct {
	key   string // sorts
	name  string // for people
	books string // of which table its books are, with a mark in front; "" for none
	// look says what it finds of the ids of a part. What it has said when it
	// fails counts for nothing.
	look func(ctx context.Context, part string, f *finding) error
}

// errTooMany is for more ids than there is memory for.
var errTooMany = errors.New("more ids than there is memory for")

// maxPart is into how many parts a piece can be divided, as a power of two.
const maxPart = 16

// next is the part behind one. A part is the ids that begin with its bits: a part
// with too many is divided, so that 0, 10, 110 and 111 may be the parts of a
// whole. "" is the whole, and what is behind the last.
func next(part string) string {
	part = strings.TrimRight(part, "1")
	if part == "" {
		return ""
	}
	return part[:len(part)-1] + "1"
}

// first reports whether a part is the first of its piece, which tells of what is
// the same for all of them.
func first(part string) bool { return !strings.Contains(part, "1") }

// pieces lists what is left to look at, in the order in which it is looked at.
func (a *auditor) pieces(ctx context.Context, stream bool) ([]piece, error) {
	all := []piece{{key: "0", name: "what is set aside", look: whole(a.readAside)}}
	switch {
	case stream && a.Stream != nil:
		for shard := range a.receipts {
			all = append(all, piece{key: "1 " + string(shard), name: "the stream's " + string(shard),
				look: whole(func(ctx context.Context, f *finding) error { return a.readShard(ctx, shard, f) })})
		}
	case !stream && a.Probe != nil:
		shards, err := a.Probe.Shards(ctx)
		if err != nil {
			return nil, fmt.Errorf("shards: %w", err)
		}
		for _, s := range shards {
			all = append(all, piece{key: "1 " + string(s.ID), name: "the receipts of " + string(s.ID),
				look: whole(func(ctx context.Context, f *finding) error { return a.seamsOf(ctx, s.ID, f) })})
		}
	}
	all = append(all, a.days()...)
	names, err := a.Catalog.Tables(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		all = append(all, piece{key: "3 " + string(name), name: "the data files of table " + string(name),
			look: whole(func(ctx context.Context, f *finding) error { return a.dataFiles(ctx, name, f) })})
	}
	slices.SortFunc(all, func(p, q piece) int { return strings.Compare(p.key, q.key) })
	all = slices.DeleteFunc(all, func(p piece) bool { return p.key <= a.after })
	if len(all) == 0 || all[0].key != a.partOf {
		a.part = ""
	}
	return all, nil
}

// days are the days of each table that raw has events of, and then, table by
// table, the books.
func (a *auditor) days() (all []piece) {
	tables := map[string]bool{}
	for b := range a.books {
		tables[b.Type] = true
	}
	for k, files := range a.raw {
		table := string(k.table)
		tables[table] = true
		all = append(all, piece{key: "2 " + table + " " + k.day.String(), name: fmt.Sprintf("table %s, day %s", table, k.day), books: "2 " + table,
			look: func(ctx context.Context, part string, f *finding) error { return a.day(ctx, k, files, part, f) }})
	}
	for table := range maps.Keys(tables) {
		// "~" sorts behind every day.
		all = append(all, piece{key: "2 " + table + " ~", name: "the books of table " + table, books: "2 " + table,
			look: whole(func(_ context.Context, f *finding) error { a.compare(table, f); return nil })})
	}
	return all
}

// whole looks at a piece that is not divided.
func whole(look func(context.Context, *finding) error) func(context.Context, string, *finding) error {
	return func(ctx context.Context, _ string, f *finding) error { return look(ctx, f) }
}

// rest is what the next call needs to go on with the piece.
func (a *auditor) rest(p piece) *Rest {
	r := &Rest{Calls: a.calls + 1, Scheduled: a.scheduled, After: a.after, Passed: a.passed, Found: a.report.Found}
	if a.part != "" {
		r.Piece, r.Part = p.key, a.part
	}
	for _, row := range a.books.sorted() {
		if p.books == "2 "+row.Type && (row.Raw != 0 || row.Repeats != 0 || row.Table != 0) {
			row.Tally = lake.Tally{Book: row.Book} // it is read again
			r.Rows = append(r.Rows, row)
		}
	}
	return r
}
