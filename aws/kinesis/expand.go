package kinesis

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
)

type format uint8

const (
	uncompressed format = iota
	gzipped
	zstandard
)

func (f format) String() string {
	if f == gzipped {
		return "gzip"
	}
	return "zstd"
}

const (
	// maxRatio is how many times its size a record may expand to: text of events
	// is compressed up to some 30 times, bombs a thousand times.
	maxRatio = 100
	// minExpanded is what a record may expand to however small it is.
	minExpanded = 1 << 20
	// maxWindow is what the zstd decoder may hold of what it has written: levels
	// up to 19 need no more.
	maxWindow = 8 << 20
)

// compression tells by the magic numbers how a record is compressed.
func compression(data []byte) format {
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b, 0x08}):
		return gzipped
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstandard
	}
	return uncompressed
}

// expand decompresses data into memory of its own, within the record's budget;
// false when the data is broken or the budget is too small.
func (u *Unpacker) expand(kind format, data []byte) (plain []byte, ok bool) {
	limit := u.budget
	if limit <= 0 {
		return nil, u.unreadable(kind, data, 0, limit, errBudget)
	}
	r, err := u.reader(kind, data)
	if err != nil {
		return nil, u.unreadable(kind, data, 0, limit, err)
	}
	plain, err = readAll(r, min(8*len(data), limit)+bytes.MinRead, limit)
	if u.zstd != nil {
		// Without this the decoder would hold the record until the next one.
		err = errors.Join(err, u.zstd.Reset(nil))
	}
	u.budget -= len(plain)
	if err != nil {
		return nil, u.unreadable(kind, data, len(plain), limit, err)
	}
	return plain, true
}

// unreadable says why data does not expand, or not to what it may, after n
// bytes; it returns false.
func (u *Unpacker) unreadable(kind format, data []byte, n, limit int, err error) bool {
	const longest = 100 // of a decoder's text
	switch {
	case errors.Is(err, errBudget):
		return u.refuse(lake.ReasonTooLarge, "%s data of %d bytes unpacks to more than %d bytes, the limit for it (%d times the record's size, %d to %d bytes)",
			kind, len(data), max(limit, 0), maxRatio, min(minExpanded, u.options.MaxExpanded), u.options.MaxExpanded)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return u.refuse(lake.ReasonMalformed, "%s data of %d bytes is cut off: its end is missing after %d unpacked bytes", kind, len(data), n)
	}
	return u.refuse(lake.ReasonMalformed, "%s data of %d bytes is damaged after %d unpacked bytes: %.*s", kind, len(data), n, longest, err)
}

// reader returns a reader of what data expands to.
func (u *Unpacker) reader(kind format, data []byte) (r io.Reader, err error) {
	in := bytes.NewReader(data)
	if kind == gzipped {
		if u.gzip == nil {
			u.gzip, err = gzip.NewReader(in)
			return u.gzip, err
		}
		return u.gzip, u.gzip.Reset(in)
	}
	if u.zstd == nil {
		u.zstd, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		return u.zstd, err
	}
	return u.zstd, u.zstd.Reset(in)
}

var errBudget = errors.New("the record expands to more than it may")

// readAll reads r to its end, into memory that begins with size bytes. What was
// read before an error is returned too: it has cost its time.
func readAll(r io.Reader, size, limit int) ([]byte, error) {
	b := make([]byte, 0, size)
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > limit:
			return b, errBudget
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		}
	}
}
