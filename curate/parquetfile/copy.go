package parquetfile

import (
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/eventlake/lake/curate/column"
)

// CanCopy reports whether Copy can take the next leaf of f: the file has it
// and stores it as it would be written now, and it is not the column that
// filters are made of.
func (w *Writer) CanCopy(f *File) bool {
	if w.next == len(w.leaves) {
		return false
	}
	l := &w.leaves[w.next]
	i, ok := f.byID[l.ID]
	if !ok || l.ID == w.filter.column {
		return false
	}
	for _, g := range f.file.Metadata().RowGroups {
		m := &g.Columns[i].MetaData
		if m.Type != physical(l.Type) || !slices.Equal(m.PathInSchema, l.Path) {
			return false
		}
	}
	return true
}

// Copy writes the next leaf of the row group with the pages that a row group
// of f has: nothing is unpacked or encoded again. The row group has as many
// rows as that of f, CanCopy holds for the file, and its bytes have passed
// Verify. Bounds that f does not tell are computed with scratch, which is
// overwritten.
func (w *Writer) Copy(f *File, group int, scratch *column.Chunk) (err error) {
	defer guard(&err)
	l := &w.leaves[w.next]
	from := &f.file.Metadata().RowGroups[group].Columns[f.byID[l.ID]]
	meta := from.MetaData
	start := meta.DataPageOffset
	if meta.DictionaryPageOffset > 0 {
		start = min(start, meta.DictionaryPageOffset)
	}
	b, err := f.bounds(group, l, &meta, scratch)
	if err != nil {
		return err
	}
	index, err := f.chunkIndex(from, l, &b)
	if err != nil {
		return fmt.Errorf("parquet column %v: %w", l.Path, err)
	}
	by := w.offset - start
	for i := range index.offsets.PageLocations {
		index.offsets.PageLocations[i].Offset += by
	}
	w.enc.page = slices.Grow(w.enc.page[:0], int(meta.TotalCompressedSize))[:meta.TotalCompressedSize]
	if err := readFull(f.file, w.enc.page, start); err != nil {
		return fmt.Errorf("parquet column %v: %w", l.Path, err)
	}
	meta.DataPageOffset += by
	if meta.DictionaryPageOffset > 0 {
		meta.DictionaryPageOffset += by
	}
	if err := w.write(w.enc.page); err != nil {
		return err
	}
	w.finish(meta, index, &b)
	return nil
}

// chunkIndex reads a chunk's page index. A file without any has one page a
// chunk.
func (f *File) chunkIndex(c *format.ColumnChunk, l *column.Leaf, b *bounds) (x chunkIndex, err error) {
	m := &c.MetaData
	if c.OffsetIndexLength == 0 {
		size := m.TotalCompressedSize
		if m.DictionaryPageOffset > 0 {
			size -= m.DataPageOffset - m.DictionaryPageOffset
		}
		x.offsets.PageLocations = []format.PageLocation{{Offset: m.DataPageOffset, CompressedPageSize: int32(size)}}
		if x.bounded = !l.JSON; x.bounded {
			x.add(l, b, m.Statistics.NullCount)
		}
		return x, nil
	}
	if err := f.unmarshal(c.OffsetIndexOffset, c.OffsetIndexLength, &x.offsets); err != nil {
		return x, err
	}
	x.bounded = c.ColumnIndexLength > 0
	if !x.bounded {
		return x, nil
	}
	return x, f.unmarshal(c.ColumnIndexOffset, c.ColumnIndexLength, &x.columns)
}

func (f *File) unmarshal(offset int64, length int32, to any) error {
	b := make([]byte, length)
	if err := readFull(f.file, b, offset); err != nil {
		return err
	}
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), b, to); err != nil {
		return corrupt("page index: %v", err)
	}
	return nil
}

// bounds are a chunk's bounds: from the footer, or from the values where those
// are too long for it.
func (f *File) bounds(group int, l *column.Leaf, meta *format.ColumnMetaData, scratch *column.Chunk) (b bounds, err error) {
	b.exact = true
	if l.JSON || meta.NumValues == meta.Statistics.NullCount {
		return b, nil
	}
	if s := &meta.Statistics; s.MinValue != nil && s.MaxValue != nil {
		return b, b.parse(l.Type, s.MinValue, s.MaxValue)
	}
	scratch.Reset()
	if err := f.Read(group, l, scratch); err != nil {
		return b, err
	}
	b.of(l.Type, &scratch.Values, 0, scratch.Len(l.Type))
	return b, nil
}
