package parquetfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
)

// A page ends at whichever comes first.
const (
	pageSlots = 1 << 16
	pageText  = 1 << 20
)

// Encoder turns chunks into pages. It keeps its memory between chunks and
// serves any number of writers of one goroutine.
type Encoder struct {
	zstd   *zstd.Encoder
	dict   dictionary
	levels []byte
	values []byte
	page   []byte
	packed []byte
	head   []byte
}

// NewEncoder returns an Encoder.
func NewEncoder() (*Encoder, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return &Encoder{zstd: z}, nil
}

// chunk writes one column chunk.
func (e *Encoder) chunk(w *Writer, l *column.Leaf, c *column.Chunk) (meta format.ColumnMetaData, index chunkIndex, b bounds, err error) {
	meta = format.ColumnMetaData{
		Type: physical(l.Type), PathInSchema: l.Path, Codec: format.Zstd, NumValues: int64(c.Slots),
	}
	if l.Type == lake.TypeUUID { // random bytes do not compress
		meta.Codec = format.Uncompressed
	}
	count := c.Len(l.Type)
	encoding := valueEncoding(l.Type)
	meta.Encoding = append(meta.Encoding, format.RLE)
	start := w.offset
	if l.Type == lake.TypeString && e.dict.build(&c.Values, count) {
		encoding = format.RLEDictionary
		meta.DictionaryPageOffset = w.offset
		meta.Encoding = append(meta.Encoding, format.Plain)
		if err := e.dictPage(w, &meta); err != nil {
			return meta, index, b, err
		}
	}
	meta.Encoding = append(meta.Encoding, encoding)
	meta.DataPageOffset = w.offset
	index.bounded = !l.JSON
	b.exact = true
	for slot, value, row := 0, 0, int64(0); slot < c.Slots; {
		p := c.Next(l, slot, value, pageSlots, pageText)
		at := w.offset
		if err := e.dataPage(w, &meta, l, c, encoding, slot, p.Slot, value, p.Value); err != nil {
			return meta, index, b, err
		}
		index.offsets.PageLocations = append(index.offsets.PageLocations, format.PageLocation{
			Offset: at, CompressedPageSize: int32(w.offset - at), FirstRowIndex: row,
		})
		var pb bounds
		if !l.JSON {
			if encoding == format.RLEDictionary {
				pb.of(l.Type, &e.dict.values, 0, e.dict.values.Len(l.Type))
				pb.some = p.Value > value
			} else {
				pb.of(l.Type, &c.Values, value, p.Value)
			}
			index.add(l, &pb, int64(p.Slot-slot-(p.Value-value)))
			b.merge(l, &pb)
		}
		slot, value, row = p.Slot, p.Value, row+p.Rows
	}
	meta.TotalCompressedSize = w.offset - start
	meta.Statistics.NullCount = int64(c.Slots - count)
	if b.some && !l.JSON {
		lo, hi := b.plain(l.Type)
		if len(lo) <= indexBound && len(hi) <= indexBound {
			meta.Statistics.MinValue, meta.Statistics.MaxValue = lo, hi
		}
	}
	return meta, index, b, nil
}

func valueEncoding(t lake.ColumnType) format.Encoding {
	switch t {
	case lake.TypeInt, lake.TypeLong, lake.TypeTimestamp:
		return format.DeltaBinaryPacked
	}
	return format.Plain
}

func (x *chunkIndex) add(l *column.Leaf, b *bounds, nulls int64) {
	x.columns.NullPages = append(x.columns.NullPages, !b.some)
	x.columns.NullCounts = append(x.columns.NullCounts, nulls)
	lo, hi := []byte{}, []byte{}
	if b.some {
		lo, hi = b.plain(l.Type)
		if l.Type == lake.TypeString {
			lo, hi = cutLower(lo, indexBound), cutUpper(hi, indexBound)
			x.bounded = x.bounded && hi != nil
		}
	}
	x.columns.MinValues = append(x.columns.MinValues, lo)
	x.columns.MaxValues = append(x.columns.MaxValues, hi)
}

func (e *Encoder) dictPage(w *Writer, meta *format.ColumnMetaData) error {
	d := &e.dict.values
	e.page = appendStrings(e.page[:0], d, 0, len(d.Ends))
	h := format.PageHeader{Type: format.DictionaryPage}
	h.DictionaryPageHeader = thrift.New(format.DictionaryPageHeader{NumValues: int32(len(d.Ends)), Encoding: format.Plain})
	return e.writePage(w, meta, &h)
}

func (e *Encoder) dataPage(w *Writer, meta *format.ColumnMetaData, l *column.Leaf, c *column.Chunk,
	encoding format.Encoding, slot, slotEnd, value, valueEnd int) (err error) {
	e.page = e.page[:0]
	if l.MaxRep > 0 {
		if err := e.appendLevels(c.Rep[slot:slotEnd], l.MaxRep); err != nil {
			return err
		}
	}
	if l.MaxDef > 0 {
		if err := e.appendLevels(c.Def[slot:slotEnd], l.MaxDef); err != nil {
			return err
		}
	}
	if err := e.appendValues(l.Type, encoding, &c.Values, value, valueEnd); err != nil {
		return err
	}
	h := format.PageHeader{Type: format.DataPage}
	h.DataPageHeader = thrift.New(format.DataPageHeader{
		NumValues: int32(slotEnd - slot), Encoding: encoding,
		DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	})
	return e.writePage(w, meta, &h)
}

// appendLevels writes length and RLE runs; one run when all levels are equal.
func (e *Encoder) appendLevels(levels []byte, highest byte) (err error) {
	same := true
	for _, v := range levels {
		if v != levels[0] {
			same = false
			break
		}
	}
	if same && len(levels) > 0 {
		e.levels = append(binary.AppendUvarint(e.levels[:0], uint64(len(levels))<<1), levels[0])
	} else {
		enc := rle.Encoding{BitWidth: bits.Len8(highest)}
		if e.levels, err = enc.EncodeLevels(e.levels[:0], levels); err != nil {
			return err
		}
	}
	e.page = binary.LittleEndian.AppendUint32(e.page, uint32(len(e.levels)))
	e.page = append(e.page, e.levels...)
	return nil
}

func (e *Encoder) appendValues(t lake.ColumnType, encoding format.Encoding, v *column.Values, from, to int) (err error) {
	switch {
	case encoding == format.RLEDictionary:
		width := bits.Len(uint(max(len(e.dict.values.Ends)-1, 0)))
		e.page = append(e.page, byte(width))
		if from == to {
			return nil
		}
		enc := rle.Encoding{BitWidth: width}
		if width == 0 { // a single value: one run of zeros
			e.page = binary.AppendUvarint(e.page, uint64(to-from)<<1)
			return nil
		}
		e.values, err = enc.EncodeInt32(e.values[:0], e.dict.codes[from:to])
		e.page = append(e.page, e.values...)
		return err
	case encoding == format.DeltaBinaryPacked && t == lake.TypeInt:
		narrow := make([]int32, to-from)
		for i, x := range v.Ints[from:to] {
			narrow[i] = int32(x)
		}
		e.values, err = new(delta.BinaryPackedEncoding).EncodeInt32(e.values[:0], narrow)
		e.page = append(e.page, e.values...)
		return err
	case encoding == format.DeltaBinaryPacked:
		e.values, err = new(delta.BinaryPackedEncoding).EncodeInt64(e.values[:0], v.Ints[from:to])
		e.page = append(e.page, e.values...)
		return err
	case t == lake.TypeBool:
		for i := from; i < to; i += 8 {
			var b byte
			for j, x := range v.Bools[i:min(i+8, to)] {
				b |= x << j
			}
			e.page = append(e.page, b)
		}
	case t == lake.TypeDouble:
		for _, x := range v.Floats[from:to] {
			e.page = binary.LittleEndian.AppendUint64(e.page, math.Float64bits(x))
		}
	case t == lake.TypeUUID:
		e.page = append(e.page, v.Fixed[16*from:16*to]...)
	default:
		e.page = appendStrings(e.page, v, from, to)
	}
	return nil
}

func appendStrings(dst []byte, v *column.Values, from, to int) []byte {
	at := uint32(0)
	if from > 0 {
		at = v.Ends[from-1]
	}
	for _, end := range v.Ends[from:to] {
		dst = binary.LittleEndian.AppendUint32(dst, end-at)
		dst = append(dst, v.Text[at:end]...)
		at = end
	}
	return dst
}

// writePage compresses e.page and writes it behind its header.
func (e *Encoder) writePage(w *Writer, meta *format.ColumnMetaData, h *format.PageHeader) (err error) {
	if len(e.page) > math.MaxInt32 {
		return fmt.Errorf("page of %d bytes: %w", len(e.page), lake.ErrLimit)
	}
	body := e.page
	if meta.Codec == format.Zstd {
		e.packed = e.zstd.EncodeAll(e.page, e.packed[:0])
		body = e.packed
	}
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(e.page)), int32(len(body))
	h.CRC = int32(crc32.ChecksumIEEE(body))
	if e.head, err = thrift.Marshal(new(thrift.CompactProtocol), h); err != nil {
		return err
	}
	meta.TotalUncompressedSize += int64(len(e.head) + len(e.page))
	if err := w.write(e.head); err != nil {
		return err
	}
	return w.write(body)
}
