// Package parquetfile writes and reads the Parquet files of the tables: field
// ids, one zstd stream a page with its CRC, page indexes, and one checksum over
// the whole file in the footer.
//
// What is special about the files: integers and times are delta packed, strings
// of few values have a dictionary, and the key-value metadata holds CRCKey with
// the CRC-32C of all bytes of the file, the checksum's own eight digits counted
// as zeros. So a flipped bit anywhere is found, in the footer too.
//
// A file may have Bloom filters over one uuid column, one a row group. Then it
// can be read in parts: FooterKey holds the CRC-32C of the footer (both
// checksums counted as zeros), and PartsKey, for each row group, those of the
// filter and of the column's pages.
package parquetfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
)

// CRCKey is the metadata key of the file's checksum: eight hex digits.
const CRCKey = "lake.crc32c"

const (
	magic    = "PAR1"
	crcZeros = "00000000"
	creator  = "eventlake"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Meta is one entry of the footer's key-value metadata.
type Meta struct{ Key, Value string }

// Writer writes one file: for each row group BeginRowGroup, then Column for
// each leaf in order, then EndRowGroup; Close at last.
type Writer struct {
	enc    *Encoder
	out    io.Writer
	crc    uint32
	offset int64
	meta   []Meta
	filter filterWriter

	columns []lake.Column
	leaves  []column.Leaf
	next    int // the leaf that Column gets next
	groups  []format.RowGroup
	indexes [][]chunkIndex
	stats   []lake.ColumnStat
	bounds  []bounds
	rows    int64
}

type chunkIndex struct {
	offsets format.OffsetIndex
	columns format.ColumnIndex
	bounded bool
}

// NewWriter begins a file with the columns. The encoder is shared by writers
// of one goroutine.
func NewWriter(out io.Writer, enc *Encoder, columns []lake.Column, meta []Meta) (*Writer, error) {
	w := &Writer{enc: enc, out: out, columns: columns, meta: meta}
	w.leaves = column.Leaves(&lake.Schema{Columns: columns})
	w.stats = make([]lake.ColumnStat, len(w.leaves))
	w.bounds = make([]bounds, len(w.leaves))
	for i := range w.leaves {
		w.stats[i].ID = w.leaves[i].ID
		w.bounds[i].exact = true
	}
	return w, w.write([]byte(magic))
}

// Leaves are the file's leaf columns, in the order that Column wants them.
func (w *Writer) Leaves() []column.Leaf { return w.leaves }

// Size is the number of bytes written so far.
func (w *Writer) Size() int64 { return w.offset }

func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.crc = crc32.Update(w.crc, castagnoli, b[:n])
	w.filter.see(b[:n])
	w.offset += int64(n)
	return err
}

// BeginRowGroup starts a row group of so many rows.
func (w *Writer) BeginRowGroup(rows int) {
	w.next = 0
	w.groups = append(w.groups, format.RowGroup{
		NumRows: int64(rows), FileOffset: w.offset, Ordinal: int16(len(w.groups)),
		Columns: make([]format.ColumnChunk, 0, len(w.leaves)),
	})
	w.indexes = append(w.indexes, make([]chunkIndex, 0, len(w.leaves)))
	w.rows += int64(rows)
}

// Column writes the next leaf's data of the row group.
func (w *Writer) Column(c *column.Chunk) error {
	if w.next == len(w.leaves) {
		return fmt.Errorf("parquet: more columns than the %d of the schema: %w", w.next, lake.ErrInvalid)
	}
	l := &w.leaves[w.next]
	w.filter.begin(l)
	meta, index, b, err := w.enc.chunk(w, l, c)
	w.filter.end(l, c)
	if err != nil {
		return fmt.Errorf("parquet column %v: %w", l.Path, err)
	}
	w.finish(meta, index, &b)
	return nil
}

// finish takes down a leaf that was written.
func (w *Writer) finish(meta format.ColumnMetaData, index chunkIndex, b *bounds) {
	g := len(w.groups) - 1
	w.groups[g].Columns = append(w.groups[g].Columns, format.ColumnChunk{FileOffset: 0, MetaData: meta})
	w.groups[g].TotalByteSize += meta.TotalUncompressedSize
	w.groups[g].TotalCompressedSize += meta.TotalCompressedSize
	w.indexes[g] = append(w.indexes[g], index)
	s := &w.stats[w.next]
	s.Bytes += meta.TotalCompressedSize
	s.Values += meta.NumValues
	s.Nulls += meta.Statistics.NullCount
	w.bounds[w.next].merge(&w.leaves[w.next], b)
	w.next++
}

// EndRowGroup checks that every leaf was written.
func (w *Writer) EndRowGroup() error {
	if w.next != len(w.leaves) {
		return fmt.Errorf("parquet: %d of %d columns written: %w", w.next, len(w.leaves), lake.ErrInvalid)
	}
	return nil
}

// Close writes indexes and footer and returns the file's size and statistics;
// it does not close the underlying writer.
func (w *Writer) Close() (rows, size int64, stats []lake.ColumnStat, err error) {
	if err := w.writeFilters(); err != nil {
		return 0, 0, nil, err
	}
	if err := w.writeIndexes(); err != nil {
		return 0, 0, nil, err
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), w.footer())
	if err != nil {
		return 0, 0, nil, fmt.Errorf("parquet footer: %w", err)
	}
	if digits := digitsOf(footer, FooterKey); digits != nil {
		copy(digits, fmt.Sprintf("%08x", crc32.Checksum(footer, castagnoli)))
	}
	tail := binary.LittleEndian.AppendUint32(nil, uint32(len(footer)))
	tail = append(tail, magic...)
	crc := crc32.Update(crc32.Update(w.crc, castagnoli, footer), castagnoli, tail)
	copy(digitsOf(footer, CRCKey), fmt.Sprintf("%08x", crc))
	if err := w.write(append(footer, tail...)); err != nil {
		return 0, 0, nil, err
	}
	for i := range w.stats {
		w.stats[i].Lower, w.stats[i].Upper = w.bounds[i].iceberg(&w.leaves[i])
	}
	return w.rows, w.offset, w.stats, nil
}

// writeIndexes writes the page indexes, those with bounds first and then those
// with offsets, in the order of the chunks. A file has one of each for all of its
// chunks, or none when every chunk is a single page, of which the footer says it
// all: readers expect them to lie so.
func (w *Writer) writeIndexes() error {
	if !slices.ContainsFunc(w.indexes, func(group []chunkIndex) bool {
		return slices.ContainsFunc(group, func(x chunkIndex) bool { return len(x.offsets.PageLocations) > 1 })
	}) {
		return nil
	}
	each := func(write func(*chunkIndex, *format.ColumnChunk) error) error {
		for g := range w.indexes {
			for i := range w.indexes[g] {
				if err := write(&w.indexes[g][i], &w.groups[g].Columns[i]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := each(func(x *chunkIndex, c *format.ColumnChunk) (err error) {
		if x.bounded {
			c.ColumnIndexOffset, c.ColumnIndexLength, err = w.writeIndex(&x.columns)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("parquet column index: %w", err)
	}
	err = each(func(x *chunkIndex, c *format.ColumnChunk) (err error) {
		c.OffsetIndexOffset, c.OffsetIndexLength, err = w.writeIndex(&x.offsets)
		return err
	})
	if err != nil {
		return fmt.Errorf("parquet offset index: %w", err)
	}
	return nil
}

func (w *Writer) writeIndex(x any) (offset int64, length int32, err error) {
	b, err := thrift.Marshal(new(thrift.CompactProtocol), x)
	if err != nil {
		return 0, 0, err
	}
	offset = w.offset
	return offset, int32(len(b)), w.write(b)
}

func (w *Writer) footer() *format.FileMetaData {
	kv := make([]format.KeyValue, 0, len(w.meta)+3)
	for _, m := range w.meta {
		kv = append(kv, format.KeyValue{Key: m.Key, Value: m.Value})
	}
	if w.filter.column != 0 {
		kv = append(kv, format.KeyValue{Key: PartsKey, Value: w.filter.parts()}, format.KeyValue{Key: FooterKey, Value: crcZeros})
	}
	kv = append(kv, format.KeyValue{Key: CRCKey, Value: crcZeros})
	order := format.ColumnOrder{Value: &format.TypeDefinedOrder{}}
	return &format.FileMetaData{
		Version: 2, Schema: elements(w.columns), NumRows: w.rows, RowGroups: w.groups,
		KeyValueMetadata: kv, CreatedBy: creator,
		ColumnOrders: slices.Repeat([]format.ColumnOrder{order}, len(w.leaves)),
	}
}
