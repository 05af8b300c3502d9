package curate

import (
	"context"
	"math"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/parquetfile"
)

// createdColumn is created_datetime.
const createdColumn lake.ColumnID = 4

// Group is a row group of a data file, to choose it by.
type Group struct {
	Rows        int
	First, Last lake.Instant // bounds of created_datetime, both inclusive

	filter func() (parquetfile.Filter, error) // nil: the file has none
}

// MayHold reports whether the row group may have a row of one of the ids. It
// reads the filter, of about 7 bytes a row; a file without filters may hold
// everything.
func (g *Group) MayHold(ids []lake.ID) (bool, error) {
	if g.filter == nil {
		return true, nil
	}
	filter, err := g.filter()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(ids, func(id lake.ID) bool { return filter.MayHold(parquetfile.FilterHash(id)) }), nil
}

// IDs gives the event_ids of the row groups that are chosen, and reads no more
// of the file than that needs: what is read has a checksum of its own, which is
// compared. A file that has no such checksums is read whole. Damage in what is
// read is lake.ErrCorrupt.
func IDs(ctx context.Context, store lake.Store, f lake.DataFile, choose func(*Group) (bool, error), each func(lake.ID)) error {
	return withObject(ctx, store, f, func(obj lake.Object) error {
		pf, parts, err := openIDs(ctx, obj, f)
		if err != nil {
			return err
		}
		for i, rows := range pf.Groups() {
			g := &Group{Rows: rows, First: math.MinInt64, Last: math.MaxInt64}
			if first, last, ok := pf.Between(i, createdColumn); ok {
				g.First, g.Last = lake.Instant(first), lake.Instant(last)
			}
			if parts {
				g.filter = func() (parquetfile.Filter, error) { return pf.Filter(i, idColumn) }
			}
			if wanted, err := choose(g); err != nil {
				return err
			} else if !wanted {
				continue
			}
			ids, err := readIDs(pf, parts, i, g.Rows)
			if err != nil {
				return err
			}
			for row := range g.Rows {
				each(parquetfile.ID(ids, row))
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
}
