package parquetfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/bloom/xxhash"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
)

// Metadata keys of files that have filters.
const (
	FooterKey = "lake.footer_crc32c" // checksum of the footer: eight hex digits
	PartsKey  = "lake.parts_crc32c"  // "filter/pages" for each row group, eight hex digits each
)

// filterBits is how many bits a value has at least in a filter. They are many,
// because whole batches are looked up: of 50,000 strange ids a filter of 10
// bits lets 600 pass, so that the row group is read in any case; one of 40 to
// 80 bits lets 0.6 to 0.02 pass.
const filterBits = 40

// Filter is a split-block Bloom filter over the uuids of one row group. One
// without memory may hold everything.
type Filter struct{ blocks bloom.SplitBlockFilter }

// FilterHash is what a filter knows of an id.
func FilterHash(id lake.ID) uint64 { return xxhash.Sum64Uint128(id) }

// NewFilter returns a filter for so many ids that has nothing in it. Its size
// is a power of two: several readers of Parquet refuse all others.
func NewFilter(ids int) Filter {
	blocks := max(1, (ids*filterBits+8*bloom.BlockSize-1)/(8*bloom.BlockSize))
	return Filter{make(bloom.SplitBlockFilter, 1<<bits.Len(uint(blocks-1)))}
}

// AddAll puts in the uuids of a chunk.
func (f Filter) AddAll(c *column.Chunk) {
	var hashes [256]uint64
	for at := 0; at < len(c.Fixed); {
		n := 0
		for ; n < len(hashes) && at < len(c.Fixed); n++ {
			hashes[n] = xxhash.Sum64Uint128([16]byte(c.Fixed[at:]))
			at += 16
		}
		f.blocks.InsertBulk(hashes[:n])
	}
}

// MayHold is false only for ids that were not put in.
func (f Filter) MayHold(hash uint64) bool { return len(f.blocks) == 0 || f.blocks.Check(hash) }

// Bytes is the memory that the filter takes.
func (f Filter) Bytes() int { return len(f.blocks) * bloom.BlockSize }

// filterWriter makes the filters of a file. Its zero value makes none.
type filterWriter struct {
	column lake.ColumnID
	within bool // the column's pages are being written
	groups []filterPart
}

type filterPart struct {
	filter     Filter
	sum, pages uint32
}

// FilterOn makes the file have filters over the values of a uuid column that
// is required and in the file. It is called before the first row group.
func (w *Writer) FilterOn(id lake.ColumnID) { w.filter.column = id }

// Filters are the filters of the row groups written so far; none without
// FilterOn.
func (w *Writer) Filters() []Filter {
	out := make([]Filter, len(w.filter.groups))
	for i := range out {
		out[i] = w.filter.groups[i].filter
	}
	return out
}

func (f *filterWriter) begin(l *column.Leaf) {
	if f.within = f.column != 0 && l.ID == f.column; f.within {
		f.groups = append(f.groups, filterPart{})
	}
}

func (f *filterWriter) see(b []byte) {
	if f.within {
		g := &f.groups[len(f.groups)-1]
		g.pages = crc32.Update(g.pages, castagnoli, b)
	}
}

func (f *filterWriter) end(l *column.Leaf, c *column.Chunk) {
	if f.within {
		filter := NewFilter(c.Len(l.Type))
		filter.AddAll(c)
		f.groups[len(f.groups)-1].filter = filter
	}
	f.within = false
}

func (f *filterWriter) parts() string {
	parts := make([]string, len(f.groups))
	for i, g := range f.groups {
		parts[i] = fmt.Sprintf("%08x/%08x", g.sum, g.pages)
	}
	return strings.Join(parts, " ")
}

// writeFilters writes all filters behind the pages, near the footer.
func (w *Writer) writeFilters() error {
	for g := range w.filter.groups {
		p := &w.filter.groups[g]
		b, err := p.filter.encode()
		if err != nil {
			return err
		}
		p.sum = crc32.Checksum(b, castagnoli)
		for i := range w.leaves {
			if w.leaves[i].ID == w.filter.column {
				meta := &w.groups[g].Columns[i].MetaData
				meta.BloomFilterOffset, meta.BloomFilterLength = w.offset, int32(len(b))
			}
		}
		if err := w.write(b); err != nil {
			return err
		}
	}
	return nil
}

// encode is header and bits as they stand in a file.
func (f Filter) encode() ([]byte, error) {
	h := format.BloomFilterHeader{NumBytes: int32(f.Bytes())}
	h.Algorithm.Value = &format.SplitBlockAlgorithm{}
	h.Hash.Value = &format.XxHash{}
	h.Compression.Value = &format.BloomFilterUncompressed{}
	b, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
	if err != nil {
		return nil, fmt.Errorf("parquet filter: %w", err)
	}
	b = slices.Grow(b, f.Bytes())
	for i := range f.blocks {
		for _, word := range f.blocks[i] {
			b = binary.LittleEndian.AppendUint32(b, uint32(word))
		}
	}
	return b, nil
}

// decodeFilter reads what encode wrote.
func decodeFilter(b []byte) (Filter, error) {
	var h format.BloomFilterHeader
	r := new(thrift.CompactProtocol).NewReaderFromBytes(b)
	if err := thrift.NewDecoder(r).Decode(&h); err != nil {
		return Filter{}, corrupt("header of a filter: %v", err)
	}
	_, block := h.Algorithm.Value.(*format.SplitBlockAlgorithm)
	_, hash := h.Hash.Value.(*format.XxHash)
	_, plain := h.Compression.Value.(*format.BloomFilterUncompressed)
	data := b[r.BytesRead():]
	if !block || !hash || !plain || len(data) == 0 || len(data) != int(h.NumBytes) || len(data)%bloom.BlockSize != 0 {
		return Filter{}, corrupt("a filter of %d bytes is none that is known", h.NumBytes)
	}
	f := Filter{make(bloom.SplitBlockFilter, len(data)/bloom.BlockSize)}
	for i := range f.blocks {
		for k := range f.blocks[i] {
			f.blocks[i][k] = bloom.Word(binary.LittleEndian.Uint32(data[i*bloom.BlockSize+4*k:]))
		}
	}
	return f, nil
}
