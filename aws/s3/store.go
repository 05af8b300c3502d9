// Package s3 keeps immutable objects in an S3 bucket.
//
// An object is created with If-None-Match, so of two writers of one key one
// wins and the other compares: the same bytes are success, as after a crash.
// Every object carries its CRC-32C as S3's own checksum, which S3 verifies
// against what it received and which answers the comparison without reading.
// What does not fit into one request is a multipart upload, invisible until it
// is complete; the bucket's lifecycle should end uploads that a crash left.
package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// ErrNoBucket means that the bucket itself does not exist. It is no lake.ErrNotFound,
// which callers take for an object that is gone.
var ErrNoBucket = errors.New("no such bucket")

// Options of a Store.
type Options struct {
	Bucket string
	Prefix string // of all keys in the bucket, e.g. "lake"; may be empty
	// KMSKey encrypts new objects with this KMS key (id, alias or ARN) and a
	// bucket key. Empty leaves it to the bucket's default encryption.
	KMSKey string
	// PartBytes is how much of an object is held in memory: what is larger
	// becomes a multipart upload with parts of this size. Default 8 MiB, at
	// least 5 MiB, S3's smallest part.
	PartBytes int
	Retry     *awsapi.Retry // default: awsapi.Retry's own defaults
	Log       *slog.Logger  // default: nothing is logged
}

// minPart is the smallest part of a multipart upload that S3 takes, but for
// the last.
const minPart = 5 << 20

// callTime bounds one try of a call whose answer is small; then it is tried
// again. A part of 8 MiB arrives within it even over a slow line.
const callTime = time.Minute

// Store is a lake.Store in a bucket. It is safe for concurrent use by any
// number of processes.
type Store struct {
	client Client
	bucket string
	prefix string // "" or ending in a slash
	kmsKey *string
	part   int
	retry  *awsapi.Retry
	log    *slog.Logger
	pool   buffers
}

var _ lake.Store = (*Store)(nil)

// New returns the store. ErrInvalid with a hint when the options are wrong;
// whether the bucket exists shows at the first call.
func New(client Client, o Options) (*Store, error) {
	if o.Bucket == "" {
		return nil, lake.Errorf(lake.ErrInvalid, "name the bucket, e.g. LAKE_BUCKET", "no bucket")
	}
	prefix := strings.Trim(o.Prefix, "/")
	if prefix != "" {
		if err := lake.Key(prefix).Validate(); err != nil {
			return nil, fmt.Errorf("prefix in bucket %s: %w", o.Bucket, err)
		}
		prefix += "/"
	}
	if o.PartBytes == 0 {
		o.PartBytes = 8 << 20
	}
	if o.PartBytes < minPart {
		return nil, lake.Errorf(lake.ErrInvalid, "use at least 5 MiB", "parts of %d bytes", o.PartBytes)
	}
	s := &Store{client: client, bucket: o.Bucket, prefix: prefix, part: o.PartBytes, retry: o.Retry, log: o.Log}
	if o.KMSKey != "" {
		s.kmsKey = aws.String(o.KMSKey)
	}
	if s.retry == nil {
		s.retry = &awsapi.Retry{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Delete implements lake.Store. In a bucket with versions the object's bytes
// stay until the bucket's lifecycle removes them.
func (s *Store) Delete(ctx context.Context, key lake.Key) error {
	if err := s.check(ctx, key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	err := s.call(ctx, key, callTime, func(ctx context.Context) error {
		_, err := s.client.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &s.bucket, Key: s.name(key)})
		return err
	})
	if err != nil && !errors.Is(err, lake.ErrNotFound) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

// check refuses what no call shall be made for.
func (s *Store) check(ctx context.Context, key lake.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	const longest = 1024 // S3's limit for a whole key
	if n := len(s.prefix) + len(key); n > longest {
		return lake.Errorf(lake.ErrInvalid, "use a shorter prefix in the bucket", "key of %d bytes", n)
	}
	return key.Validate()
}

// name is the key in the bucket.
func (s *Store) name(key lake.Key) *string { return aws.String(s.prefix + string(key)) }

// call makes a call about an object, each try within the time, and tries again
// while that can help. The error names bucket and key and has its meaning.
func (s *Store) call(ctx context.Context, key lake.Key, within time.Duration, do func(context.Context) error) error {
	err := s.retry.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		return awsapi.ClassifyOn(do(ctx), "s3://"+s.bucket+"/"+s.prefix+string(key))
	})
	if code(err) == "NoSuchBucket" {
		return lake.Errorf(ErrNoBucket, "check the bucket's name and the region; terraform apply makes it", "s3://%s", s.bucket)
	}
	return err
}

// code is the service's word for an error, or "".
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
