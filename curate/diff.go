package curate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

// Side is one of the two states that Diff compares.
type Side struct {
	Schema lake.Schema
	Files  []lake.DataFile
}

// Difference is what changed between two states of a table, day by day.
type Difference struct {
	ColumnsAdded   []string  `json:"columns_added"`
	ColumnsRemoved []string  `json:"columns_removed"`
	ColumnsChanged []string  `json:"columns_changed"` // same path, other type
	Days           []DayDiff `json:"days"`            // sorted by day and type
}

// DayDiff counts the rows of one day and event type by event_id.
type DayDiff struct {
	Day     lake.Day         `json:"day"`
	Type    string           `json:"type"` // event_type
	Before  int64            `json:"before"`
	After   int64            `json:"after"`
	Added   int64            `json:"added"`
	Removed int64            `json:"removed"`
	Gone    string           `json:"gone,omitempty"`    // id of one of the removed rows
	Changed int64            `json:"changed"`           // same id, at least one other value
	Columns map[string]int64 `json:"columns,omitempty"` // changed rows by top-level column; see Diff
}

// Same reports whether nothing differs.
func (d *Difference) Same() bool {
	for _, x := range d.Days {
		if x.Added+x.Removed+x.Changed > 0 {
			return false
		}
	}
	return len(d.ColumnsAdded)+len(d.ColumnsRemoved)+len(d.ColumnsChanged) == 0
}

// detailRows is for how many changed rows of a day Diff finds out which columns
// changed; the rows beyond are counted without.
const detailRows = 100_000

// Diff compares two states of a table row by row. Rows are matched by
// event_id within a day, columns by path; a column that only one side has is
// null on the other, and an integer equals the double of the same value.
// Memory is about 100 bytes a row of the largest day.
func Diff(ctx context.Context, store lake.Store, before, after Side) (Difference, error) {
	d := Difference{ColumnsAdded: []string{}, ColumnsRemoved: []string{}, ColumnsChanged: []string{}, Days: []DayDiff{}}
	d.columns(&before.Schema, &after.Schema)
	olds, news := byDay(before.Files), byDay(after.Files)
	days := map[lake.Day]bool{}
	for day := range olds {
		days[day] = true
	}
	for day := range news {
		days[day] = true
	}
	for _, day := range sortedKeys(days) {
		x := dayDiff{store: store, rows: map[lake.ID]*diffRow{}, day: day}
		out, err := x.run(ctx, side{before.Schema, olds[day], 0}, side{after.Schema, news[day], 1})
		if err != nil {
			return d, fmt.Errorf("compare day %s: %w", day, err)
		}
		d.Days = append(d.Days, out...)
	}
	return d, nil
}

// columns compares the leaf columns by path.
func (d *Difference) columns(before, after *lake.Schema) {
	types := func(s *lake.Schema) map[string]lake.ColumnType {
		out := map[string]lake.ColumnType{}
		for _, l := range column.Leaves(s) {
			out[strings.Join(l.Path, ".")] = l.Type
		}
		return out
	}
	olds, news := types(before), types(after)
	for path, t := range news {
		if old, ok := olds[path]; !ok {
			d.ColumnsAdded = append(d.ColumnsAdded, path)
		} else if old != t {
			d.ColumnsChanged = append(d.ColumnsChanged, path)
		}
	}
	for path := range olds {
		if _, ok := news[path]; !ok {
			d.ColumnsRemoved = append(d.ColumnsRemoved, path)
		}
	}
	slices.Sort(d.ColumnsAdded)
	slices.Sort(d.ColumnsRemoved)
	slices.Sort(d.ColumnsChanged)
}

type side struct {
	schema lake.Schema
	files  []lake.DataFile
	index  int // 0 before, 1 after
}

// dayDiff compares one day.
type dayDiff struct {
	store lake.Store
	day   lake.Day
	rows  map[lake.ID]*diffRow
	chunk column.Chunk
	ids   column.Chunk
	types column.Chunk
}

type diffRow struct {
	hash  [2]uint64
	there [2]bool
	kind  string
	// detail is the hash of each top-level column by name; for changed rows
	// only, and then of both sides.
	detail [2]map[string]uint64
}

func (x *dayDiff) run(ctx context.Context, before, after side) ([]DayDiff, error) {
	kinds := map[string]string{} // one copy of each event type
	for _, s := range []side{before, after} {
		err := x.each(ctx, s, func(id lake.ID, kind string, hash uint64) {
			r := x.rows[id]
			if r == nil {
				if k, ok := kinds[kind]; ok {
					kind = k
				} else {
					kinds[kind] = kind
				}
				r = &diffRow{kind: kind}
				x.rows[id] = r
			}
			r.there[s.index] = true
			r.hash[s.index] += hash
		})
		if err != nil {
			return nil, err
		}
	}
	detailed := 0
	for _, r := range x.rows {
		if r.changed() && detailed < detailRows {
			r.detail = [2]map[string]uint64{{}, {}}
			detailed++
		}
	}
	if detailed > 0 {
		for _, s := range []side{before, after} {
			if err := x.details(ctx, s); err != nil {
				return nil, err
			}
		}
	}
	return x.sum(), nil
}

func (r *diffRow) changed() bool { return r.there[0] && r.there[1] && r.hash[0] != r.hash[1] }

func (x *dayDiff) sum() []DayDiff {
	byKind := map[string]*DayDiff{}
	for id, r := range x.rows {
		d := byKind[r.kind]
		if d == nil {
			d = &DayDiff{Day: x.day, Type: r.kind}
			byKind[r.kind] = d
		}
		if r.there[0] {
			d.Before++
		}
		if r.there[1] {
			d.After++
		}
		switch {
		case !r.there[0]:
			d.Added++
		case !r.there[1]:
			d.Removed++
			if d.Gone == "" || id.String() < d.Gone {
				d.Gone = id.String()
			}
		case r.changed():
			d.Changed++
			d.count(r)
		}
	}
	out := make([]DayDiff, 0, len(byKind))
	for _, d := range byKind {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b DayDiff) int { return cmp.Compare(a.Type, b.Type) })
	return out
}

func (d *DayDiff) count(r *diffRow) {
	if r.detail[0] == nil {
		return
	}
	if d.Columns == nil {
		d.Columns = map[string]int64{}
	}
	for name, h := range r.detail[0] {
		if r.detail[1][name] != h {
			d.Columns[name]++
		}
	}
	for name, h := range r.detail[1] {
		if _, ok := r.detail[0][name]; !ok && h != 0 {
			d.Columns[name]++
		}
	}
}

// each calls fn for every row with the hash over all its values.
func (x *dayDiff) each(ctx context.Context, s side, fn func(lake.ID, string, uint64)) error {
	var hashes []uint64
	return x.groups(ctx, s, func(pf *parquetfile.File, group, rows int) error {
		hashes = append(hashes[:0], make([]uint64, rows)...)
		leaves := column.Leaves(&s.schema)
		for i := range leaves {
			if err := x.hash(pf, group, rows, &leaves[i], func(row int, h uint64) { hashes[row] += h }); err != nil {
				return err
			}
		}
		for i, h := range hashes {
			fn(parquetfile.ID(&x.ids, i), string(x.types.String(i)), h)
		}
		return nil
	})
}

// details fills in the column hashes of the changed rows.
func (x *dayDiff) details(ctx context.Context, s side) error {
	return x.groups(ctx, s, func(pf *parquetfile.File, group, rows int) error {
		leaves := column.Leaves(&s.schema)
		for i := range leaves {
			name := s.schema.Columns[leaves[i].Top].Name
			err := x.hash(pf, group, rows, &leaves[i], func(row int, h uint64) {
				if d := x.rows[parquetfile.ID(&x.ids, row)].detail[s.index]; d != nil && h != 0 {
					d[name] += h
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// groups visits the row groups of a side with their ids and types read.
func (x *dayDiff) groups(ctx context.Context, s side, fn func(pf *parquetfile.File, group, rows int) error) error {
	system := column.Leaves(&lake.Schema{Columns: lake.SystemColumns()})
	for _, f := range s.files {
		err := withFile(ctx, x.store, f, func(pf *parquetfile.File) error {
			for group, rows := range pf.Groups() {
				x.ids.Reset()
				x.types.Reset()
				if err := readLeaf(pf, group, rows, &system[0], &x.ids); err != nil {
					return err
				}
				if err := readLeaf(pf, group, rows, &system[1], &x.types); err != nil {
					return err
				}
				if err := fn(pf, group, rows); err != nil {
					return err
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *dayDiff) hash(pf *parquetfile.File, group, rows int, l *column.Leaf, fn func(int, uint64)) error {
	if !pf.Has(l.ID) {
		return nil
	}
	x.chunk.Reset()
	if err := readLeaf(pf, group, rows, l, &x.chunk); err != nil {
		return err
	}
	x.chunk.HashRows(l, fn)
	return nil
}
