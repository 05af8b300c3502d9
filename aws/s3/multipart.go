package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eventlake/lake"
)

const (
	// completeTime bounds one try to complete an upload: S3 may take minutes
	// over many parts.
	completeTime = 5 * time.Minute
	// abortTime is for the cleaning up, also when the caller has no time left.
	abortTime = 10 * time.Second
)

// multipart is an upload in parts. Nothing of it is visible before complete.
type multipart struct {
	s     *Store
	ctx   context.Context // that of the Create that it is a part of
	key   lake.Key
	id    *string
	parts []types.CompletedPart
	done  bool // the object is there, so the upload is not
}

// begin starts an upload. One whose answer is lost stays behind, empty, for
// the bucket's lifecycle.
func (s *Store) begin(ctx context.Context, key lake.Key) (*multipart, error) {
	m := &multipart{s: s, ctx: ctx, key: key}
	err := s.call(ctx, key, callTime, func(ctx context.Context) error {
		in := &sdk.CreateMultipartUploadInput{
			Bucket: &s.bucket, Key: s.name(key),
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject,
		}
		if s.kmsKey != nil {
			in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = types.ServerSideEncryptionAwsKms, s.kmsKey, aws.Bool(true)
		}
		out, err := s.client.CreateMultipartUpload(ctx, in)
		if err == nil {
			m.id = out.UploadId
		}
		return err
	})
	return m, err
}

// add sends the next part. The same part again replaces the first. send tries
// until it is sent.
func (m *multipart) add(send func(func(context.Context) error) error, data []byte) error {
	crc := encodeCRC(crc32.Checksum(data, castagnoli))
	number := aws.Int32(int32(len(m.parts)) + 1) // S3 refuses part 10,001
	return send(func(ctx context.Context) error {
		out, err := m.s.client.UploadPart(ctx, &sdk.UploadPartInput{
			Bucket: &m.s.bucket, Key: m.s.name(m.key), UploadId: m.id, PartNumber: number,
			Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumCRC32C: crc,
		})
		if err == nil {
			m.parts = append(m.parts, types.CompletedPart{ETag: out.ETag, PartNumber: number, ChecksumCRC32C: crc})
		}
		return err
	})
}

// complete makes the object visible, if there is none yet.
func (m *multipart) complete(info lake.Info) error {
	tried := 0
	err := m.s.call(m.ctx, m.key, completeTime, func(ctx context.Context) error {
		tried++
		_, err := m.s.client.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
			Bucket: &m.s.bucket, Key: m.s.name(m.key), UploadId: m.id, IfNoneMatch: aws.String("*"),
			MultipartUpload: &types.CompletedMultipartUpload{Parts: m.parts},
			ChecksumType:    types.ChecksumTypeFullObject, ChecksumCRC32C: encodeCRC(info.CRC), MpuObjectSize: aws.Int64(info.Bytes),
		})
		return err
	})
	switch {
	case err == nil:
		m.done = true
		return nil
	case errors.Is(err, lake.ErrStale):
		err := m.s.same(m.ctx, info)
		if errors.Is(err, lake.ErrNotFound) {
			return fmt.Errorf("another object of this key came and went meanwhile: %w", lake.ErrStale)
		}
		return err
	case errors.Is(err, lake.ErrNotFound) && tried > 1:
		// The upload is gone because an earlier try, whose answer was lost,
		// completed it; or because it was aborted, and then there is no object.
		if m.s.same(m.ctx, info) == nil {
			m.done = true
			return nil
		}
	}
	return err
}

// end gives the parts back unless they are the object now. It returns err,
// joined by what went wrong here; when the object is stored all the same that
// is only logged, and the bucket's lifecycle removes the parts.
func (m *multipart) end(err error) error {
	if m.done {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), abortTime)
	defer cancel()
	failed := m.s.call(ctx, m.key, abortTime, func(ctx context.Context) error {
		_, err := m.s.client.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{
			Bucket: &m.s.bucket, Key: m.s.name(m.key), UploadId: m.id,
		})
		return err
	})
	switch {
	case failed == nil || errors.Is(failed, lake.ErrNotFound):
		return err
	case err == nil:
		m.s.log.Warn("an upload could not be aborted", "key", string(m.key), "upload", aws.ToString(m.id), "err", failed)
		return nil
	}
	return errors.Join(err, fmt.Errorf("abort the upload: %w", failed))
}
