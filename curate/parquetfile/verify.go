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

// digitsOf is where the footer has the checksum of the key; nil when it has
// none. Keys of the metadata come after everything that events can name.
func digitsOf(footer []byte, key string) []byte {
	at := bytes.LastIndex(footer, []byte(key))
	if at < 0 || at+len(key)+2+len(crcZeros) > len(footer) {
		return nil
	}
	return footer[at+len(key)+2:][:len(crcZeros)]
}

// readFooter reads the footer and what stands behind it, as one.
func readFooter(r io.ReaderAt, size int64) (footer, tail []byte, err error) {
	if size < int64(len(magic)+footerTail) {
		return nil, nil, corrupt("%d bytes are too few", size)
	}
	tail = make([]byte, footerTail)
	if err := readFull(r, tail, size-footerTail); err != nil {
		return nil, nil, err
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if string(tail[4:]) != magic || n > maxFooter || n > size-footerTail-int64(len(magic)) {
		return nil, nil, corrupt("no footer at the end")
	}
	both := make([]byte, n+footerTail)
	if err := readFull(r, both, size-footerTail-n); err != nil {
		return nil, nil, err
	}
	return both[:n], both[n:], nil
}

func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == io.EOF:
		return corrupt("it ends at byte %d", off+int64(n))
	}
	return err
}

// Verify reads the whole file and compares its checksum: ErrCorrupt when any
// bit has changed since it was written.
func Verify(r io.ReaderAt, size int64) error {
	footer, tail, err := readFooter(r, size)
	if err != nil {
		return err
	}
	digits := digitsOf(footer, CRCKey)
	if digits == nil {
		return corrupt("no checksum in the footer")
	}
	want := string(digits)
	copy(digits, crcZeros)
	crc, err := checksum(r, size-int64(len(footer)+len(tail)))
	if err != nil {
		return err
	}
	crc = crc32.Update(crc32.Update(crc, castagnoli, footer), castagnoli, tail)
	if got := fmt.Sprintf("%08x", crc); got != want {
		return corrupt("checksum is %s, the footer says %q", got, want)
	}
	return nil
}

// verifyFooter compares the footer's own checksum; has is false when it has
// none. The footer stays as it is.
func verifyFooter(footer []byte) (has bool, err error) {
	zeroed := bytes.Clone(footer)
	digits := digitsOf(zeroed, FooterKey)
	if digits == nil {
		return false, nil
	}
	want := string(digits)
	copy(digits, crcZeros)
	copy(digitsOf(zeroed, CRCKey), crcZeros)
	if got := fmt.Sprintf("%08x", crc32.Checksum(zeroed, castagnoli)); got != want {
		return true, corrupt("the footer's checksum is %s, it says %q", got, want)
	}
	return true, nil
}

// checksum is over the first size bytes.
func checksum(r io.ReaderAt, size int64) (uint32, error) {
	h := crc32.New(castagnoli)
	_, err := io.CopyBuffer(h, io.NewSectionReader(r, 0, size), make([]byte, min(max(size, 1), 64<<10)))
	return h.Sum32(), err
}
