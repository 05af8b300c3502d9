package s3

import (
	"context"
	"fmt"
	"iter"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eventlake/lake"
)

// List implements lake.Store, a request for every 1,000 objects. Objects whose
// names are no keys are not the lake's and do not appear.
func (s *Store) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return s.ListAfter(ctx, prefix, "")
}

// ListAfter is List without the objects up to a key, which may be gone. S3 is
// not asked for them.
func (s *Store) ListAfter(ctx context.Context, prefix, after lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		in := &sdk.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.name(prefix), EncodingType: types.EncodingTypeUrl}
		if after != "" {
			in.StartAfter = s.name(after)
		}
		last := ""
		for {
			page, err := s.page(ctx, prefix, in)
			if err != nil {
				yield(lake.Info{}, fmt.Errorf("list %q: %w", string(prefix), err))
				return
			}
			for i := range page.Contents {
				info, ok, err := s.listed(page, &page.Contents[i])
				if err == nil && ok && string(info.Key) <= last {
					err = fmt.Errorf("%s comes after %s: %w: the bucket does not sort (a directory bucket?)", info.Key, last, lake.ErrInvalid)
				}
				if err != nil {
					yield(lake.Info{}, fmt.Errorf("list %q: %w", string(prefix), err))
					return
				}
				if !ok {
					continue
				}
				last = string(info.Key)
				if !yield(info, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

func (s *Store) page(ctx context.Context, prefix lake.Key, in *sdk.ListObjectsV2Input) (page *sdk.ListObjectsV2Output, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.call(ctx, prefix, callTime, func(ctx context.Context) (err error) {
		page, err = s.client.ListObjectsV2(ctx, in)
		return err
	})
	return page, err
}

// listed reads one entry; it is not ok when its name is no key.
func (s *Store) listed(page *sdk.ListObjectsV2Output, o *types.Object) (info lake.Info, ok bool, err error) {
	name := aws.ToString(o.Key)
	if page.EncodingType == types.EncodingTypeUrl {
		if name, err = url.QueryUnescape(name); err != nil {
			return info, false, fmt.Errorf("key %q: %w", aws.ToString(o.Key), err)
		}
	}
	if len(name) < len(s.prefix) {
		return info, false, nil
	}
	info = lake.Info{Key: lake.Key(name[len(s.prefix):]), Bytes: aws.ToInt64(o.Size)}
	if o.LastModified != nil {
		info.Time = lake.InstantOf(*o.LastModified)
	}
	return info, info.Key.Validate() == nil, nil
}
