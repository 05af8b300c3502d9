package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eventlake/lake"
)

// Create implements lake.Store. An object up to Options.PartBytes is one
// request. When an answer is lost the request is made again and finds its own
// object, which has the same bytes. After an error the object may be there,
// whole.
func (s *Store) Create(ctx context.Context, key lake.Key, write func(io.Writer) error) (lake.Info, error) {
	if err := s.check(ctx, key); err != nil {
		return lake.Info{}, fmt.Errorf("create: %w", err)
	}
	u := &upload{s: s, ctx: ctx, key: key, buf: s.pool.get()}
	defer func() {
		if !u.lent {
			s.pool.put(u.buf, s.part)
		}
	}()
	info, err := u.run(write)
	if err != nil {
		return lake.Info{}, fmt.Errorf("create %s: %w", key, err)
	}
	return info, nil
}

// upload is one Create. It gathers what is written until a part is full.
type upload struct {
	s     *Store
	ctx   context.Context // an io.Writer has no other way to it
	key   lake.Key
	buf   []byte
	bytes int64
	crc   uint32
	multi *multipart // nil while all fits into buf
	err   error      // the first that Write returned
	lent  bool       // buf may still be read by a request that has failed
}

// sending is Store.call for a request whose body is buf. A try that failed may
// be answered or given up while net/http still reads its body, and does not say
// until when: that memory is not written to again.
func (u *upload) sending(do func(context.Context) error) error {
	return u.s.call(u.ctx, u.key, callTime, func(ctx context.Context) error {
		err := do(ctx)
		u.lent = u.lent || err != nil
		return err
	})
}

func (u *upload) run(write func(io.Writer) error) (info lake.Info, err error) {
	defer func() {
		if u.multi != nil {
			err = u.multi.end(err)
		}
	}()
	if err := write(u); err != nil {
		return info, err
	}
	if u.err != nil { // the caller dropped it
		return info, u.err
	}
	info = lake.Info{Key: u.key, Bytes: u.bytes, CRC: u.crc}
	if u.multi == nil {
		return info, u.put(info)
	}
	if err := u.multi.add(u.sending, u.buf); err != nil {
		return info, err
	}
	return info, u.multi.complete(info)
}

// Write implements io.Writer.
func (u *upload) Write(p []byte) (n int, err error) {
	for u.err == nil && len(p) > 0 {
		if len(u.buf) == u.s.part {
			u.err = u.flush()
			continue
		}
		k := min(len(p), u.s.part-len(u.buf))
		u.buf = append(u.buf, p[:k]...)
		u.crc, u.bytes = crcUpdate(u.crc, p[:k]), u.bytes+int64(k)
		p, n = p[k:], n+k
	}
	return n, u.err
}

// flush sends a full buffer as a part; the first begins the upload.
func (u *upload) flush() error {
	if u.multi == nil {
		m, err := u.s.begin(u.ctx, u.key)
		if err != nil {
			return err
		}
		u.multi = m
	}
	err := u.multi.add(u.sending, u.buf)
	if u.lent {
		u.buf, u.lent = make([]byte, 0, u.s.part), false
	}
	u.buf = u.buf[:0]
	return err
}

// put stores the buffer in one request.
func (u *upload) put(info lake.Info) error {
	const tries = 8 // each lost to somebody who made the object and removed it again
	for try := 1; ; try++ {
		err := u.sending(func(ctx context.Context) error {
			in := &sdk.PutObjectInput{
				Bucket: &u.s.bucket, Key: u.s.name(u.key), IfNoneMatch: aws.String("*"),
				Body: bytes.NewReader(u.buf), ContentLength: aws.Int64(info.Bytes),
				ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumCRC32C: encodeCRC(info.CRC),
			}
			if u.s.kmsKey != nil {
				in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = types.ServerSideEncryptionAwsKms, u.s.kmsKey, aws.Bool(true)
			}
			_, err := u.s.client.PutObject(ctx, in)
			return err
		})
		if !errors.Is(err, lake.ErrStale) {
			return err
		}
		if err = u.s.same(u.ctx, info); !errors.Is(err, lake.ErrNotFound) || try == tries {
			return err
		}
	}
}
