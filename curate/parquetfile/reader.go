package parquetfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
)

// File is an open Parquet file whose leaf columns are found by field id.
type File struct {
	file  *parquet.File
	byID  map[lake.ColumnID]int
	batch []parquet.Value

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
	f = &File{file: pf, byID: map[lake.ColumnID]int{}, batch: make([]parquet.Value, 512)}
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

func (f *File) page(p parquet.Page, l *column.Leaf, c *column.Chunk) error {
	if l.Type == lake.TypeUUID && l.MaxDef == 0 && p.Type().Kind() == parquet.FixedLenByteArray && p.Type().Length() == 16 && p.Dictionary() == nil {
		data := p.Data()
		ids, _ := data.FixedLenByteArray()
		c.Fixed = append(c.Fixed, ids...)
		c.Slots += len(ids) / 16
		return nil
	}
	values := p.Values()
	for {
		n, err := values.ReadValues(f.batch)
		for i := range f.batch[:n] {
			if err := add(&f.batch[i], l, c); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func add(v *parquet.Value, l *column.Leaf, c *column.Chunk) error {
	c.Slots++
	if l.MaxRep > 0 {
		c.Rep = append(c.Rep, byte(v.RepetitionLevel()))
	}
	if l.MaxDef > 0 {
		c.Def = append(c.Def, byte(v.DefinitionLevel()))
	}
	if v.IsNull() {
		return nil
	}
	switch kind := v.Kind(); {
	case kind == parquet.Boolean && l.Type == lake.TypeBool:
		var b byte
		if v.Boolean() {
			b = 1
		}
		c.Bools = append(c.Bools, b)
	case kind == parquet.Int32 && (l.Type == lake.TypeInt || l.Type == lake.TypeLong):
		c.Ints = append(c.Ints, int64(v.Int32()))
	case kind == parquet.Int64 && (l.Type == lake.TypeLong || l.Type == lake.TypeTimestamp):
		c.Ints = append(c.Ints, v.Int64())
	case kind == parquet.Double && l.Type == lake.TypeDouble:
		c.Floats = append(c.Floats, v.Double())
	case kind == parquet.ByteArray && l.Type == lake.TypeString:
		c.AddString(v.ByteArray())
	case kind == parquet.FixedLenByteArray && l.Type == lake.TypeUUID:
		b := v.ByteArray()
		if len(b) != 16 {
			return corrupt("uuid of %d bytes", len(b))
		}
		c.Fixed = append(c.Fixed, b...)
	default:
		return corrupt("a %s where %s is expected", kind, l.Type)
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
