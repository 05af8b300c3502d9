package awsfake

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// S3 is one bucket in memory: conditional creates, checksums that are verified,
// multipart uploads, ranges, pages. Objects are visible at once and their lists
// sorted. Buckets' names are not looked at; versions and encryption are not
// kept.
type S3 struct {
	// Fault may be set before the first call.
	Fault Fault
	// Body may replace what a GetObject returns. It may be set before the
	// first call.
	Body func(io.ReadCloser) io.ReadCloser

	mu      sync.Mutex
	objects map[string]stored
	uploads map[string]*upload
	calls   map[string]int
	pages   int // objects in a page of a list
}

type stored struct {
	data []byte
	crc  *string
	etag string
	time time.Time
}

func store(data []byte) stored {
	return stored{data: data, etag: fmt.Sprintf(`"%08x-%d"`, crc32.Checksum(data, castagnoli), len(data)), time: time.Now()}
}

type upload struct {
	key   string
	parts map[int32]stored
}

// NewS3 returns an empty bucket whose lists have so many objects in a page.
func NewS3(page int) *S3 {
	return &S3{objects: map[string]stored{}, uploads: map[string]*upload{}, calls: map[string]int{}, pages: page}
}

// Calls is how often an operation has been called.
func (s *S3) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// Uploads is how many multipart uploads are neither complete nor aborted.
func (s *S3) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// Put makes or replaces an object as another program would: without checksum.
func (s *S3) Put(key string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = store(data)
}

func (s *S3) call(ctx context.Context, operation string, do func() error) error {
	return around(ctx, "S3", operation, s.Fault, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[operation]++
		return do()
	})
}

// verify reads a body of about the size and compares it with its checksum.
func verify(body io.Reader, size *int64, want *string) (stored, error) {
	data := bytes.NewBuffer(make([]byte, 0, aws.ToInt64(size)+bytes.MinRead))
	if _, err := data.ReadFrom(body); err != nil {
		return stored{}, err
	}
	o := store(data.Bytes())
	if want != nil {
		sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(o.data, castagnoli))
		if o.crc = aws.String(base64.StdEncoding.EncodeToString(sum)); *o.crc != *want {
			return o, Says("BadDigest", "the CRC32C does not match")
		}
	}
	return o, nil
}

// create makes an object under the condition.
func (s *S3) create(key string, o stored, ifNoneMatch *string) error {
	if _, ok := s.objects[key]; ok && aws.ToString(ifNoneMatch) == "*" {
		return Says("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	}
	s.objects[key] = o
	return nil
}

// PutObject stores a whole object.
func (s *S3) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	err := s.call(ctx, "PutObject", func() error {
		o, err := verify(in.Body, in.ContentLength, in.ChecksumCRC32C)
		if err != nil {
			return err
		}
		return s.create(*in.Key, o, in.IfNoneMatch)
	})
	return &s3.PutObjectOutput{}, err
}

// CreateMultipartUpload begins an upload.
func (s *S3) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	var id string
	err := s.call(ctx, "CreateMultipartUpload", func() error {
		id = fmt.Sprintf("upload-%d", s.calls["CreateMultipartUpload"])
		s.uploads[id] = &upload{*in.Key, map[int32]stored{}}
		return nil
	})
	return &s3.CreateMultipartUploadOutput{UploadId: &id}, err
}

func (s *S3) upload(id *string) (*upload, error) {
	if u := s.uploads[aws.ToString(id)]; u != nil {
		return u, nil
	}
	return nil, Says("NoSuchUpload", "The specified upload does not exist")
}

// UploadPart stores a part.
func (s *S3) UploadPart(ctx context.Context, in *s3.UploadPartInput, _ ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	var etag string
	err := s.call(ctx, "UploadPart", func() error {
		u, err := s.upload(in.UploadId)
		if err != nil {
			return err
		}
		o, err := verify(in.Body, in.ContentLength, in.ChecksumCRC32C)
		if err == nil {
			u.parts[*in.PartNumber], etag = o, o.etag
		}
		return err
	})
	return &s3.UploadPartOutput{ETag: &etag}, err
}

// CompleteMultipartUpload makes the object of the parts.
func (s *S3) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	err := s.call(ctx, "CompleteMultipartUpload", func() error {
		u, err := s.upload(in.UploadId)
		if err != nil {
			return err
		}
		var whole bytes.Buffer
		for i, p := range in.MultipartUpload.Parts {
			o, ok := u.parts[*p.PartNumber]
			const smallest = 5 << 20
			switch {
			case !ok || o.etag != *p.ETag || *p.PartNumber != int32(i+1):
				return Says("InvalidPart", "One or more of the specified parts could not be found")
			case len(o.data) < smallest && i+1 < len(in.MultipartUpload.Parts):
				return Says("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
			}
			whole.Write(o.data)
		}
		o, err := verify(&whole, in.MpuObjectSize, in.ChecksumCRC32C)
		if err != nil {
			return err
		}
		if err := s.create(u.key, o, in.IfNoneMatch); err != nil {
			return err
		}
		delete(s.uploads, *in.UploadId)
		return nil
	})
	return &s3.CompleteMultipartUploadOutput{}, err
}

// AbortMultipartUpload forgets an upload.
func (s *S3) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput, _ ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	err := s.call(ctx, "AbortMultipartUpload", func() error {
		_, err := s.upload(in.UploadId)
		delete(s.uploads, *in.UploadId)
		return err
	})
	return &s3.AbortMultipartUploadOutput{}, err
}

// HeadObject describes an object.
func (s *S3) HeadObject(ctx context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	out := &s3.HeadObjectOutput{}
	err := s.call(ctx, "HeadObject", func() error {
		o, ok := s.objects[*in.Key]
		if !ok {
			return Says("NotFound", "")
		}
		out.ContentLength, out.ETag, out.LastModified = aws.Int64(int64(len(o.data))), aws.String(o.etag), &o.time
		if in.ChecksumMode == types.ChecksumModeEnabled {
			out.ChecksumCRC32C = o.crc
		}
		return nil
	})
	return out, err
}

// GetObject returns an object or a range of it.
func (s *S3) GetObject(ctx context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	out := &s3.GetObjectOutput{}
	err := s.call(ctx, "GetObject", func() error {
		o, ok := s.objects[*in.Key]
		if !ok {
			return Says("NoSuchKey", "The specified key does not exist.")
		}
		if in.IfMatch != nil && *in.IfMatch != o.etag {
			return Says("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
		}
		data, size := o.data, int64(len(o.data))
		if in.Range != nil {
			var from, to int64
			if _, err := fmt.Sscanf(*in.Range, "bytes=%d-%d", &from, &to); err != nil {
				to = size - 1
			}
			if from >= size {
				return Says("InvalidRange", "The requested range is not satisfiable")
			}
			to = min(to, size-1)
			data = data[from : to+1]
			out.ContentRange = aws.String(fmt.Sprintf("bytes %d-%d/%d", from, to, size))
		}
		out.Body, out.ContentLength, out.ETag = io.NopCloser(bytes.NewReader(data)), aws.Int64(int64(len(data))), aws.String(o.etag)
		if s.Body != nil {
			out.Body = s.Body(out.Body)
		}
		return nil
	})
	return out, err
}

// ListObjectsV2 lists a page.
func (s *S3) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	out := &s3.ListObjectsV2Output{}
	err := s.call(ctx, "ListObjectsV2", func() error {
		for _, k := range slices.Sorted(maps.Keys(s.objects)) {
			if !strings.HasPrefix(k, aws.ToString(in.Prefix)) || k <= aws.ToString(in.ContinuationToken) {
				continue
			}
			if len(out.Contents) == s.pages {
				out.IsTruncated, out.NextContinuationToken = aws.Bool(true), out.Contents[s.pages-1].Key
				break
			}
			o := s.objects[k]
			out.Contents = append(out.Contents, types.Object{Key: aws.String(k), Size: aws.Int64(int64(len(o.data))), LastModified: &o.time})
		}
		return nil
	})
	return out, err
}

// DeleteObject removes an object; one that is not there is fine.
func (s *S3) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	err := s.call(ctx, "DeleteObject", func() error {
		delete(s.objects, *in.Key)
		return nil
	})
	return &s3.DeleteObjectOutput{}, err
}
