package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// object is an open object. Small reads are served from blocks of it, so that
// a Parquet footer or a column costs one request, not one a page; what is read
// from the beginning to the end comes in one response.
type object struct {
	s    *Store
	ctx  context.Context // Open's: an io.Reader has no other way to it
	key  lake.Key
	size int64
	etag *string

	// Of Read, which has one caller at a time.
	pos    int64
	stream io.ReadCloser // continues at pos; nil before it is needed
	broken int           // streams that ended early without giving a byte

	mu     sync.Mutex
	blocks []block // the least recently used first
}

// block is a piece of an object in memory.
type block struct {
	off  int64
	data []byte
}

func (b *block) holds(off int64) bool { return off >= b.off && off < b.off+int64(len(b.data)) }

const (
	blockBytes = 256 << 10
	maxBlocks  = 8 // an object in use has at most 2 MiB
	maxBroken  = 5
)

// Open implements lake.Store. It costs one request, which brings the first 256
// KiB along: most objects need no other. The context ends later reads too. An
// object that is deleted while it is read may end in ErrNotFound, one that is
// replaced ends in ErrStale.
func (s *Store) Open(ctx context.Context, key lake.Key) (lake.Object, error) {
	if err := s.check(ctx, key); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	o := &object{s: s, ctx: ctx, key: key}
	if err := o.open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", key, err)
	}
	return o, nil
}

func (o *object) open() error {
	first := block{}
	err := o.s.call(o.ctx, o.key, callTime, func(ctx context.Context) error {
		out, err := o.s.client.GetObject(ctx, o.request(0, blockBytes))
		if err != nil {
			return err
		}
		o.etag = out.ETag
		if o.size, err = sizeOf(out); err != nil {
			return errors.Join(err, out.Body.Close())
		}
		first.data = make([]byte, min(o.size, blockBytes))
		return readBody(out.Body, first.data)
	})
	if code(err) == "InvalidRange" { // an empty object has no first byte
		var out *sdk.HeadObjectOutput
		err = o.s.call(o.ctx, o.key, callTime, func(ctx context.Context) (err error) {
			out, err = o.s.client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &o.s.bucket, Key: o.s.name(o.key)})
			return err
		})
		if err == nil {
			o.etag, o.size = out.ETag, aws.ToInt64(out.ContentLength)
		}
		if o.size != 0 {
			err = fmt.Errorf("the object was replaced while it was opened: %w", lake.ErrStale)
		}
	}
	if err == nil && len(first.data) > 0 {
		o.blocks = append(o.blocks, first)
	}
	return err
}

// request asks for n bytes at off, or for all from off on when n is 0.
func (o *object) request(off, n int64) *sdk.GetObjectInput {
	r := fmt.Sprintf("bytes=%d-", off)
	if n > 0 {
		r += fmt.Sprint(off + n - 1)
	}
	return &sdk.GetObjectInput{Bucket: &o.s.bucket, Key: o.s.name(o.key), Range: &r, IfMatch: o.etag}
}

// sizeOf is the size of the whole object that an answer is a range of.
func sizeOf(out *sdk.GetObjectOutput) (int64, error) {
	if out.ContentRange == nil { // the range was ignored, or is all there is
		return aws.ToInt64(out.ContentLength), nil
	}
	return parseSize(*out.ContentRange)
}

// readBody fills p from an answer and ends it. An answer that breaks off can
// be asked for again.
func readBody(body io.ReadCloser, p []byte) error {
	_, err := io.ReadFull(body, p)
	if err != nil {
		err = fmt.Errorf("%w: the answer broke off: %w", awsapi.ErrUnknown, err)
	}
	return errors.Join(err, body.Close())
}

// Size implements lake.Object.
func (o *object) Size() int64 { return o.size }

// Read implements io.Reader. A stream that breaks off is taken up where it
// ended.
func (o *object) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for o.pos < o.size {
		if o.stream == nil {
			if n := o.cached(p, o.pos); n > 0 {
				o.pos += int64(n)
				return n, nil
			}
			if err := o.follow(); err != nil {
				return 0, fmt.Errorf("read %s: %w", o.key, err)
			}
		}
		n, err := o.stream.Read(p[:min(int64(len(p)), o.size-o.pos)])
		o.pos += int64(n)
		if n > 0 {
			o.broken = 0
		}
		if err == nil || o.pos == o.size {
			return n, nil
		}
		closed := o.stream.Close()
		o.stream = nil
		if n > 0 {
			return n, nil
		}
		if o.broken++; o.broken == maxBroken || o.ctx.Err() != nil {
			return 0, fmt.Errorf("read %s at byte %d: %w", o.key, o.pos, errors.Join(err, closed, o.ctx.Err()))
		}
	}
	return 0, io.EOF
}

// follow asks for the rest of the object.
func (o *object) follow() error {
	return o.s.retry.Do(o.ctx, func(ctx context.Context) error {
		out, err := o.s.client.GetObject(ctx, o.request(o.pos, 0))
		if err != nil {
			return awsapi.ClassifyOn(err, "s3://"+o.s.bucket+"/"+*o.s.name(o.key))
		}
		o.stream = out.Body
		return nil
	})
}

// ReadAt implements io.ReaderAt. It may be called from several goroutines.
func (o *object) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s at byte %d: %w", o.key, off, lake.ErrInvalid)
	}
	for n < len(p) && off+int64(n) < o.size {
		at := off + int64(n)
		if k := o.cached(p[n:], at); k > 0 {
			n += k
			continue
		}
		if want := min(int64(len(p)-n), o.size-at); want >= blockBytes {
			if err := o.fetch(p[n:n+int(want)], at); err != nil {
				return n, err
			}
			return n + int(want), atEnd(n+int(want), len(p))
		}
		// Near the end the block reaches backwards: there is the footer, and
		// what it points to lies before it.
		start := max(0, min(at, o.size-blockBytes))
		data := make([]byte, min(blockBytes, o.size-start))
		if err := o.fetch(data, start); err != nil {
			return n, err
		}
		o.keep(block{start, data})
		n += copy(p[n:], data[at-start:])
	}
	return n, atEnd(n, len(p))
}

func atEnd(n, want int) error {
	if n < want {
		return io.EOF
	}
	return nil
}

// fetch reads len(p) bytes at off, which the object has.
func (o *object) fetch(p []byte, off int64) error {
	err := o.s.call(o.ctx, o.key, callTime, func(ctx context.Context) error {
		out, err := o.s.client.GetObject(ctx, o.request(off, int64(len(p))))
		if err != nil {
			return err
		}
		return readBody(out.Body, p)
	})
	if err != nil {
		return fmt.Errorf("read %s at byte %d: %w", o.key, off, err)
	}
	return nil
}

// cached copies what a block has at off.
func (o *object) cached(p []byte, off int64) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := len(o.blocks) - 1; i >= 0; i-- {
		if b := o.blocks[i]; b.holds(off) {
			o.blocks = append(append(o.blocks[:i], o.blocks[i+1:]...), b)
			return copy(p, b.data[off-b.off:])
		}
	}
	return 0
}

func (o *object) keep(b block) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.blocks) == maxBlocks {
		o.blocks = append(o.blocks[:0], o.blocks[1:]...)
	}
	o.blocks = append(o.blocks, b)
}

// Close implements io.Closer.
func (o *object) Close() error {
	o.mu.Lock()
	o.blocks = nil
	o.mu.Unlock()
	if o.stream == nil {
		return nil
	}
	stream := o.stream
	o.stream = nil
	return stream.Close()
}
