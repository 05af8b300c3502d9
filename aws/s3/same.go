package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eventlake/lake"
)

// same compares the stored object with what was to be stored: nil for the same
// bytes, ErrExists for others, ErrNotFound when there is no object any more.
// A checksum that is the same is proof; where there is none or another one the
// object is read, because a checksum may also be one of parts.
func (s *Store) same(ctx context.Context, want lake.Info) error {
	var out *sdk.HeadObjectOutput
	err := s.call(ctx, want.Key, callTime, func(ctx context.Context) (err error) {
		out, err = s.client.HeadObject(ctx, &sdk.HeadObjectInput{
			Bucket: &s.bucket, Key: s.name(want.Key), ChecksumMode: types.ChecksumModeEnabled,
		})
		return err
	})
	if err != nil {
		return err
	}
	if n := aws.ToInt64(out.ContentLength); n != want.Bytes {
		return fmt.Errorf("the stored object has %d bytes, the new one %d: %w", n, want.Bytes, lake.ErrExists)
	}
	crc, ok := decodeCRC(out.ChecksumCRC32C)
	if !ok || crc != want.CRC {
		if crc, err = s.read(ctx, want.Key); err != nil {
			return err
		}
	}
	if crc != want.CRC {
		return fmt.Errorf("the stored object has CRC %08x, the new one %08x: %w", crc, want.CRC, lake.ErrExists)
	}
	return nil
}

// read computes the checksum of an object.
func (s *Store) read(ctx context.Context, key lake.Key) (crc uint32, err error) {
	o, err := s.Open(ctx, key)
	if err != nil {
		return 0, err
	}
	crc, err = checksum(o)
	if closed := o.Close(); err == nil {
		err = closed
	}
	return crc, err
}
