package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

// Row is a row's system columns.
type Row struct {
	ID       lake.ID
	Type     string // event_type
	Subtype  string
	Created  lake.Instant
	Received lake.Instant
	Source   lake.SourceID
	Shard    lake.ShardID
	Position string
}

// Rows reads the system columns of a data file, in the file's order. The
// checksum over the whole file is compared first. Damage ends the sequence
// with lake.ErrCorrupt.
func Rows(ctx context.Context, store lake.Store, f lake.DataFile) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		more := true
		err := withFile(ctx, store, f, func(pf *parquetfile.File) error {
			schema := lake.Schema{Columns: lake.SystemColumns()}
			leaves := column.Leaves(&schema)
			chunks := make([]column.Chunk, len(leaves))
			for group, rows := range pf.Groups() {
				for i := range leaves {
					chunks[i].Reset()
					if err := readLeaf(pf, group, rows, &leaves[i], &chunks[i]); err != nil {
						return err
					}
				}
				for i := range rows {
					if more = yield(systemRow(chunks, i), nil); !more {
						return nil
					}
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && more {
			yield(Row{}, err)
		}
	}
}

func systemRow(c []column.Chunk, i int) Row {
	return Row{
		ID: parquetfile.ID(&c[0], i), Type: string(c[1].String(i)), Subtype: string(c[2].String(i)),
		Created: lake.Instant(c[3].Ints[i]), Received: lake.Instant(c[4].Ints[i]),
		Source: lake.SourceID(c[5].String(i)), Shard: lake.ShardID(c[6].String(i)), Position: string(c[7].String(i)),
	}
}

// readLeaf reads a leaf of one row group and checks that it has a slot a row.
func readLeaf(pf *parquetfile.File, group, rows int, l *column.Leaf, c *column.Chunk) error {
	if err := pf.Read(group, l, c); err != nil {
		return err
	}
	if l.MaxRep == 0 && c.Slots != rows {
		return fmt.Errorf("column %v has %d of %d rows: %w", l.Path, c.Slots, rows, lake.ErrCorrupt)
	}
	if l.MaxDef == 0 && c.Len(l.Type) != rows {
		return fmt.Errorf("column %v has nulls: %w", l.Path, lake.ErrCorrupt)
	}
	return nil
}

// withFile opens a data file, compares its size, rows and checksum, and closes
// it after fn.
func withFile(ctx context.Context, store lake.Store, f lake.DataFile, fn func(*parquetfile.File) error) error {
	return withObject(ctx, store, f, func(obj lake.Object) error {
		pf, err := openWhole(obj, f, true)
		if err != nil {
			return err
		}
		return fn(pf)
	})
}

// withObject opens a data file, compares its size, and closes it after fn.
func withObject(ctx context.Context, store lake.Store, f lake.DataFile, fn func(lake.Object) error) (err error) {
	obj, err := store.Open(ctx, f.Key)
	if err != nil {
		return err
	}
	defer func() { err = f.Key.Named(errors.Join(err, obj.Close())) }()
	if obj.Size() != f.Bytes {
		return fmt.Errorf("%d bytes, the catalog says %d: %w", obj.Size(), f.Bytes, lake.ErrCorrupt)
	}
	return fn(obj)
}

// openWhole compares the checksum over the whole file and its rows. The
// checksum may be left out for a file that this process has verified before.
func openWhole(r io.ReaderAt, f lake.DataFile, verify bool) (*parquetfile.File, error) {
	if verify {
		if err := parquetfile.Verify(r, f.Bytes); err != nil {
			return nil, err
		}
	}
	pf, err := parquetfile.Open(r, f.Bytes)
	if err != nil {
		return nil, err
	}
	return pf, checkRows(pf, f)
}

// openIDs is for reading filters and ids only: in parts, or all of a file that
// has no checksums for that.
func openIDs(ctx context.Context, obj lake.Object, f lake.DataFile) (pf *parquetfile.File, parts bool, err error) {
	if pf, err = openParts(obj, f); err != nil || pf != nil {
		return pf, true, err
	}
	pf, err = openWhole(readAhead(ctx, obj), f, true)
	return pf, false, err
}

// openParts is for reading filters and ids only; nil for a file that has no
// filters.
func openParts(obj lake.Object, f lake.DataFile) (*parquetfile.File, error) {
	pf, err := parquetfile.OpenParts(obj, obj.Size())
	if err != nil || pf == nil {
		return nil, err
	}
	return pf, checkRows(pf, f)
}

func checkRows(pf *parquetfile.File, f lake.DataFile) error {
	if pf.Rows() != f.Rows {
		return fmt.Errorf("%d rows, the catalog says %d: %w", pf.Rows(), f.Rows, lake.ErrCorrupt)
	}
	return nil
}

// readIDs reads the event_ids of a row group. A file of parts is read no
// further than that, and what is read is compared with its checksum.
func readIDs(pf *parquetfile.File, parts bool, group, rows int) (*column.Chunk, error) {
	if parts {
		if err := pf.Load(group, idColumn); err != nil {
			return nil, err
		}
	}
	schema := lake.Schema{Columns: lake.SystemColumns()}
	ids := &column.Chunk{}
	return ids, readLeaf(pf, group, rows, &column.Leaves(&schema)[0], ids)
}
