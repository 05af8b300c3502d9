package curate

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/parquetfile"
)

// createdColumn is created_datetime.
const createdColumn = "created_datetime"

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
		pf, err := openParts(obj, f)
		if err != nil {
			return err
		}
		parts := pf != nil
		if !parts {
			if pf, err = openWhole(ahead{Object: obj, ctx: ctx, block: new(block)}, f, true); err != nil {
				return err
			}
		}
		groups, err := groupsOf(obj, pf.Groups())
		if err != nil {
			return err
		}
		for i := range groups {
			g := &groups[i]
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

// groupsOf reads the bounds of the row groups out of a footer whose checksum was
// compared.
func groupsOf(obj lake.Object, rows []int) ([]Group, error) {
	file, err := parquet.OpenFile(obj, obj.Size(), parquet.SkipMagicBytes(true), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("bounds: %v: %w", err, lake.ErrCorrupt)
	}
	out := make([]Group, len(rows))
	for i := range out {
		out[i] = Group{Rows: rows[i], First: math.MinInt64, Last: math.MaxInt64}
		for _, c := range file.Metadata().RowGroups[i].Columns {
			s := &c.MetaData.Statistics
			if path := c.MetaData.PathInSchema; len(path) != 1 || path[0] != createdColumn || len(s.MinValue) != 8 || len(s.MaxValue) != 8 {
				continue
			}
			out[i].First = lake.Instant(binary.LittleEndian.Uint64(s.MinValue))
			out[i].Last = lake.Instant(binary.LittleEndian.Uint64(s.MaxValue))
		}
	}
	return out, nil
}
