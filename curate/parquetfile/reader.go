package parquetfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
)

// File is an open Parquet file whose leaf columns are found by field id.
type File struct {
	file *parquet.File
	byID map[lake.ColumnID]int

	r     io.ReaderAt  // the next two are of files from OpenParts
	parts []filterPart // their checksums
	pages io.ReaderAt  // holds what Load read; nil: pages are read from the file
}

// Open reads the footer. A file that did not pass Verify in this process must
// do so first: the decoder believes sizes and codecs, and damaged ones can ask
// for all memory there is. Page checksums are compared again as pages are read;
// damage is ErrCorrupt.
func Open(r io.ReaderAt, size int64) (*File, error) { return open(r, size) }

func open(r io.ReaderAt, size int64, options ...parquet.FileOption) (f *File, err error) {
	defer guard(&err)
	options = append(options, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	pf, err := parquet.OpenFile(r, size, options...)
	if err != nil {
		return nil, corrupt("%v", err)
	}
	f = &File{file: pf, byID: map[lake.ColumnID]int{}}
	f.index(pf.Root())
	return f, nil
}

// guard turns a panic of the decoder over damaged bytes into ErrCorrupt.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = corrupt("decoder: %v", p)
	}
}

func (f *File) index(c *parquet.Column) {
	if c.Leaf() {
		f.byID[lake.ColumnID(c.ID())] = c.Index()
	}
	for _, child := range c.Columns() {
		f.index(child)
	}
}

// Groups returns the number of rows of each row group.
func (f *File) Groups() []int {
	groups := f.file.RowGroups()
	out := make([]int, len(groups))
	for i, g := range groups {
		out[i] = int(g.NumRows())
	}
	return out
}

// Rows is the number of rows in the file.
func (f *File) Rows() int64 { return f.file.NumRows() }

// Has reports whether the file has the leaf column.
func (f *File) Has(id lake.ColumnID) bool {
	_, ok := f.byID[id]
	return ok
}

// Between returns the bounds, both inclusive, that the footer has of a column of
// longs or times in a row group; ok is false when it has none.
func (f *File) Between(group int, id lake.ColumnID) (lower, upper int64, ok bool) {
	i, ok := f.byID[id]
	if !ok {
		return 0, 0, false
	}
	var b bounds
	s := &f.file.Metadata().RowGroups[group].Columns[i].MetaData.Statistics
	if err := b.parse(lake.TypeTimestamp, s.MinValue, s.MaxValue); err != nil {
		return 0, 0, false
	}
	return b.minI, b.maxI, true
}

// Value returns an entry of the footer's key-value metadata.
func (f *File) Value(key string) (string, bool) { return f.file.Lookup(key) }

// Read appends the leaf's data of one row group to c. The leaf must be in the
// file; an int is read as the long that it became.
func (f *File) Read(group int, l *column.Leaf, c *column.Chunk) (err error) {
	defer guard(&err)
	i, ok := f.byID[l.ID]
	if !ok {
		return fmt.Errorf("parquet column %d: %w", l.ID, lake.ErrNotFound)
	}
	chunk := f.file.RowGroups()[group].ColumnChunks()[i]
	pages := chunk.Pages()
	if held, ok := chunk.(*parquet.FileColumnChunk); ok && f.pages != nil {
		pages = held.PagesFrom(f.pages)
	}
	defer func() { err = errors.Join(err, pages.Close()) }()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return f.damaged(l, err)
		}
		err = f.page(page, l, c)
		parquet.Release(page)
		if err != nil {
			return f.damaged(l, err)
		}
	}
}

// damaged tells bad bytes from a failing disk: what the decoder refuses is
// damage, what reading the object refuses keeps its own kind.
func (f *File) damaged(l *column.Leaf, err error) error {
	if errors.Is(err, parquet.ErrCorrupted) || errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt("column %v: %v", l.Path, err)
	}
	return fmt.Errorf("parquet column %v: %w", l.Path, err)
}

// page appends a page's levels and values.
func (f *File) page(p parquet.Page, l *column.Leaf, c *column.Chunk) error {
	slots, count := int(p.NumValues()), int(p.NumValues())
	if l.MaxDef > 0 {
		def := p.DefinitionLevels()
		if len(def) != slots {
			return corrupt("%d definition levels for %d slots", len(def), slots)
		}
		c.Def = append(c.Def, def...)
		count = bytes.Count(def, []byte{l.MaxDef})
	}
	if l.MaxRep > 0 {
		rep := p.RepetitionLevels()
		if len(rep) != slots {
			return corrupt("%d repetition levels for %d slots", len(rep), slots)
		}
		c.Rep = append(c.Rep, rep...)
	}
	c.Slots += slots
	if count == 0 {
		return nil
	}
	had := c.Len(l.Type)
	if err := add(p, l.Type, &c.Values, count); err != nil {
		return err
	}
	if got := c.Len(l.Type) - had; got != count {
		return corrupt("%d values, the levels say %d", got, count)
	}
	return nil
}

// add appends a page's values, count of them where the page cannot tell.
func add(p parquet.Page, t lake.ColumnType, v *column.Values, count int) error {
	data := p.Data()
	if d := p.Dictionary(); d != nil {
		values := d.Page().Data()
		if t != lake.TypeString || values.Kind() != encoding.ByteArray {
			return corrupt("a dictionary of %s for %s", d.Type(), t)
		}
		text, ends := values.ByteArray()
		for _, code := range data.Int32() {
			v.AddString(text[ends[code]:ends[code+1]])
		}
		return nil
	}
	switch kind := data.Kind(); {
	case kind == encoding.Boolean && t == lake.TypeBool:
		packed := data.Boolean()
		for i := range count {
			v.Bools = append(v.Bools, packed[i/8]>>(i%8)&1)
		}
	case kind == encoding.Int32 && (t == lake.TypeInt || t == lake.TypeLong):
		for _, x := range data.Int32() {
			v.Ints = append(v.Ints, int64(x))
		}
	case kind == encoding.Int64 && (t == lake.TypeLong || t == lake.TypeTimestamp):
		v.Ints = append(v.Ints, data.Int64()...)
	case kind == encoding.Double && t == lake.TypeDouble:
		v.Floats = append(v.Floats, data.Double()...)
	case kind == encoding.ByteArray && t == lake.TypeString:
		text, ends := data.ByteArray()
		v.AddStrings(text, ends)
	case kind == encoding.FixedLenByteArray && t == lake.TypeUUID:
		ids, size := data.FixedLenByteArray()
		if size != 16 {
			return corrupt("uuid of %d bytes", size)
		}
		v.Fixed = append(v.Fixed, ids...)
	default:
		return corrupt("a %s where %s is expected", p.Type(), t)
	}
	return nil
}

// ID reads value i of a uuid chunk.
func ID(c *column.Chunk, i int) (id lake.ID) {
	copy(id[:], c.Fixed[16*i:])
	return id
}

// Bytes is the size of the file's pages before compression.
func (f *File) Bytes() (n int64) {
	for _, g := range f.file.Metadata().RowGroups {
		n += g.TotalByteSize
	}
	return n
}
