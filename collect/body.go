package collect

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake/serve/api"
)

// reader brings the body of one request into memory, decompressed and within
// the limits. It is reused; a reader serves one request at a time.
type reader struct {
	mem   *memory
	limit int64
	zstd  *zstd.Decoder // shared, stateless

	wire, plain buffer
	gzip        gzip.Reader
	in          bytes.Reader
}

// newZstd returns the decoder for all requests. It writes into memory that we
// give it, and into no more: neither the size that a frame announces nor its
// window makes it allocate. Windows are taken up to what the zstd tool takes
// without being told.
func newZstd() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderConcurrency(0))
}

// read returns the decompressed body, valid until free. Its errors are
// *api.Error.
func (d *reader) read(w http.ResponseWriter, r *http.Request, enc encoding) ([]byte, error) {
	if r.ContentLength > d.limit {
		return nil, errTooLarge(d.limit, "")
	}
	if err := d.receive(http.MaxBytesReader(w, r.Body, d.limit), r.ContentLength); err != nil {
		return nil, err
	}
	var err error
	switch enc {
	case gzipped:
		err = d.gunzip()
	case zstandard:
		err = d.unzstd()
	default:
		return d.wire.b, nil
	}
	d.wire.release(d.mem)
	return d.plain.b, err
}

// free ends the request: what read returned is gone.
func (d *reader) free() {
	d.wire.release(d.mem)
	d.plain.release(d.mem)
}

// receive reads the wire bytes. A length that was announced saves copies, but
// no big memory is taken before the bytes for it come.
func (d *reader) receive(body io.Reader, announced int64) error {
	if err := d.wire.grow(d.mem, min(announced+1, 8*smallest)); err != nil {
		return err
	}
	err := d.fill(&d.wire, body)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return errTooLarge(d.limit, "")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &api.Error{Status: http.StatusRequestTimeout, Code: codeSlow, Message: "the body did not come in time; nothing was stored", Hint: "send smaller requests"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return bad(codeLength, "send as many bytes as Content-Length says", "the body ended after %d bytes, before it was complete; nothing was stored", len(d.wire.b))
	}
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	return bad(codeLength, "", "the body could not be read (%s); nothing was stored", err)
}

// fill reads r to its end.
func (d *reader) fill(b *buffer, r io.Reader) error {
	for {
		if len(b.b) == cap(b.b) {
			if err := b.grow(d.mem, int64(len(b.b))+1); err != nil {
				return err
			}
		}
		n, err := r.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		if int64(len(b.b)) > d.limit {
			return errTooLarge(d.limit, " when it is decompressed")
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (d *reader) gunzip() error {
	d.in.Reset(d.wire.b)
	defer d.in.Reset(nil)
	err := d.gzip.Reset(&d.in)
	if err == nil {
		err = d.plain.grow(d.mem, int64(len(d.wire.b)))
	}
	if err == nil {
		err = d.fill(&d.plain, &d.gzip)
	}
	return unpacked("gzip", err)
}

// unzstd decompresses into memory that is doubled until it fits. So a frame
// that says nothing about its size, or lies, takes no more than twice what it
// holds, and never more than the limit.
func (d *reader) unzstd() error {
	for size := d.zstdSize(); ; size = 2 * int64(cap(d.plain.b)) {
		if err := d.plain.grow(d.mem, min(size, d.limit+1)); err != nil {
			return err
		}
		room := min(int64(cap(d.plain.b)), d.limit+1)
		out, err := d.zstd.DecodeAll(d.wire.b, d.plain.b[:0:room])
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) && room <= d.limit {
			continue
		}
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || err == nil && int64(len(out)) > d.limit {
			return errTooLarge(d.limit, " when it is decompressed")
		}
		if err == nil {
			d.plain.b = out
		}
		return unpacked("zstd", err)
	}
}

// zstdSize guesses the size: what the first frame says, or four times the
// compressed one.
func (d *reader) zstdSize() int64 {
	var h zstd.Header
	if err := h.Decode(d.wire.b); err == nil && h.HasFCS && h.FrameContentSize <= uint64(d.limit) {
		return int64(h.FrameContentSize) + 1
	}
	return 4 * int64(len(d.wire.b))
}

func unpacked(name string, err error) error {
	var e *api.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return bad(codeCompression, "send the request again, or without Content-Encoding", "the body is not readable as %s (%s); nothing was stored", name, err)
}
