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

// maxWindow is the largest zstd window that is taken: what every decoder must
// know by RFC 8878, and what the zstd tool uses up to level 19.
const maxWindow = 8 << 20

// newZstd returns the decoder for all requests; it keeps nothing of them.
func newZstd(limit int64) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderMaxMemory(uint64(max(limit, maxWindow))+1))
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

// unzstd decompresses into memory for the largest body: what the frames say
// about their size may be missing or wrong. That memory is held while the
// processor works and not while anybody is waited for; then what is smaller
// moves into memory of its own size.
func (d *reader) unzstd() error {
	var big buffer
	defer big.release(d.mem)
	if err := big.grow(d.mem, d.limit+1); err != nil {
		return err
	}
	out, err := d.zstd.DecodeAll(d.wire.b, big.b)
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return bad(codeCompression, "compress with a level up to 19, without --ultra or --long", "the zstd window is larger than %d bytes; nothing was stored", maxWindow)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), err == nil && int64(len(out)) > d.limit:
		return errTooLarge(d.limit, " when it is decompressed")
	case err != nil:
		return unpacked("zstd", err)
	}
	if err := d.plain.grow(d.mem, int64(len(out))); err != nil {
		return err
	}
	d.plain.b = append(d.plain.b, out...)
	return nil
}

func unpacked(name string, err error) error {
	var e *api.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return bad(codeCompression, "send the request again, or without Content-Encoding", "the body is not readable as %s (%s); nothing was stored", name, err)
}
