package parquetfile

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
)

// OpenParts opens a file of which only footer, filters and the column that
// they are over will be read. Each of them has a checksum that is compared, so
// the file need not have passed Verify; no other column may be read. It returns
// nil for a file that has no such checksums: that one is for Verify and Open.
// Damage is ErrCorrupt.
func OpenParts(r io.ReaderAt, size int64) (*File, error) {
	footer, tail, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	if has, err := verifyFooter(footer); err != nil || !has {
		return nil, err
	}
	at := size - int64(len(footer)+len(tail))
	f, err := open(&held{r, at, append(footer, tail...)}, size, parquet.SkipMagicBytes(true))
	if err != nil {
		return nil, err
	}
	f.r = r
	value, _ := f.Value(PartsKey)
	for _, part := range strings.Fields(value) {
		var p filterPart
		if _, err := fmt.Sscanf(part, "%08x/%08x", &p.sum, &p.pages); err != nil {
			return nil, corrupt("%s is %q", PartsKey, value)
		}
		f.parts = append(f.parts, p)
	}
	if len(f.parts) != len(f.Groups()) {
		return nil, corrupt("checksums of %d of %d row groups", len(f.parts), len(f.Groups()))
	}
	return f, nil
}

// Filter reads the filter of a row group, of a file from OpenParts.
func (f *File) Filter(group int, id lake.ColumnID) (filter Filter, err error) {
	defer guard(&err)
	meta := &f.file.Metadata().RowGroups[group].Columns[f.byID[id]].MetaData
	b, err := f.part(meta.BloomFilterOffset, int64(meta.BloomFilterLength), f.parts[group].sum)
	if err != nil {
		return Filter{}, err
	}
	return decodeFilter(b)
}

// Load reads the pages of the filtered column of a row group at once, of a
// file from OpenParts. Read takes them from memory then.
func (f *File) Load(group int, id lake.ColumnID) error {
	meta := &f.file.Metadata().RowGroups[group].Columns[f.byID[id]].MetaData
	b, err := f.part(meta.DataPageOffset, meta.TotalCompressedSize, f.parts[group].pages)
	if err != nil {
		return err
	}
	f.pages = &held{f.r, meta.DataPageOffset, b}
	return nil
}

// part reads a run of bytes and compares its checksum.
func (f *File) part(off, n int64, want uint32) ([]byte, error) {
	if off <= 0 || n <= 0 || off+n > f.file.Size() {
		return nil, corrupt("%d bytes at %d of %d", n, off, f.file.Size())
	}
	b := make([]byte, n)
	if err := readFull(f.r, b, off); err != nil {
		return nil, err
	}
	if got := crc32.Checksum(b, castagnoli); got != want {
		return nil, corrupt("checksum of %d bytes at %d is %08x, the footer says %08x", n, off, got, want)
	}
	return b, nil
}

// held serves a run of bytes from memory.
type held struct {
	io.ReaderAt
	off  int64
	data []byte
}

func (h *held) ReadAt(p []byte, off int64) (int, error) {
	if off >= h.off && off+int64(len(p)) <= h.off+int64(len(h.data)) {
		return copy(p, h.data[off-h.off:]), nil
	}
	return h.ReaderAt.ReadAt(p, off)
}
