package parquetfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/eventlake/lake"
)

// footerTail is what stands behind the footer: its length and the magic.
const footerTail = 8

// maxFooter bounds the memory that a damaged length can ask for.
const maxFooter = 256 << 20

func corrupt(format string, args ...any) error {
	return fmt.Errorf("parquet: %s: %w", fmt.Sprintf(format, args...), lake.ErrCorrupt)
}

// Verify reads the whole file and compares its checksum: ErrCorrupt when any
// bit has changed since it was written.
func Verify(r io.ReaderAt, size int64) error {
	if size < int64(len(magic)+footerTail) {
		return corrupt("%d bytes are too few", size)
	}
	tail := make([]byte, footerTail)
	if _, err := r.ReadAt(tail, size-footerTail); err != nil && err != io.EOF {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if string(tail[4:]) != magic || n > maxFooter || n > size-footerTail-int64(len(magic)) {
		return corrupt("no footer at the end")
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-footerTail-n); err != nil && err != io.EOF {
		return err
	}
	at := bytes.LastIndex(footer, []byte(CRCKey))
	if at < 0 || at+len(CRCKey)+2+len(crcZeros) > len(footer) {
		return corrupt("no checksum in the footer")
	}
	digits := footer[at+len(CRCKey)+2:][:len(crcZeros)]
	want := string(digits)
	copy(digits, crcZeros)
	crc, err := checksum(r, size-footerTail-n)
	if err != nil {
		return err
	}
	crc = crc32.Update(crc32.Update(crc, castagnoli, footer), castagnoli, tail)
	if got := fmt.Sprintf("%08x", crc); got != want {
		return corrupt("checksum is %s, the footer says %q", got, want)
	}
	return nil
}

// checksum is over the first size bytes.
func checksum(r io.ReaderAt, size int64) (uint32, error) {
	h := crc32.New(castagnoli)
	_, err := io.CopyBuffer(h, io.NewSectionReader(r, 0, size), make([]byte, min(max(size, 1), 64<<10)))
	return h.Sum32(), err
}
