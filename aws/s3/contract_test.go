package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/storetest"
)

// bucket makes a bucket on a client.
func bucket(t *testing.T, c *sdk.Client, name string) string {
	t.Helper()
	if _, err := c.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String(name)}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	return name
}

func open(t *testing.T, c s3.Client, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContractOnMoto(t *testing.T) {
	client := s3.NewClient(awslocal.Moto(t).Config())
	var n atomic.Int64
	for _, prefix := range []string{"", "a/lake"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			storetest.Suite(t, func(t *testing.T) (lake.Store, func() lake.Store) {
				o := s3.Options{Bucket: bucket(t, client, fmt.Sprintf("lake-%d", n.Add(1))), Prefix: prefix}
				return open(t, client, o), func() lake.Store { return open(t, client, o) }
			})
		})
	}
}

// TestPartsOnMoto: an upload in parts is whole, compared and encrypted as one
// request is.
func TestPartsOnMoto(t *testing.T) {
	client := s3.NewClient(awslocal.Moto(t).Config())
	o := s3.Options{Bucket: bucket(t, client, "parts"), KMSKey: "alias/lake", PartBytes: part}
	s := open(t, client, o)
	for _, size := range []int{1, part, part + 1, 2*part + 12345} {
		key := lake.Key(fmt.Sprint("k", size))
		data := random(1, size)
		for range 2 {
			info, err := s.Create(t.Context(), key, writing(data))
			if err != nil || info.Bytes != int64(size) {
				t.Fatalf("%d bytes: %+v %v", size, info, err)
			}
		}
		if _, err := s.Create(t.Context(), key, writing(random(2, size))); !errors.Is(err, lake.ErrExists) {
			t.Fatalf("%d bytes: %v", size, err)
		}
		obj, err := s.Open(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(obj)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: read %d, %v", size, len(got), err)
		}
		if err := obj.Close(); err != nil {
			t.Fatal(err)
		}
		head, err := client.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: &o.Bucket, Key: aws.String(string(key))})
		if err != nil || aws.ToString(head.SSEKMSKeyId) != o.KMSKey {
			t.Fatalf("%d bytes: %+v, %v", size, head, err)
		}
	}
	left, err := client.ListMultipartUploads(t.Context(), &sdk.ListMultipartUploadsInput{Bucket: &o.Bucket})
	if err != nil || len(left.Uploads) != 0 {
		t.Fatalf("%d uploads are left, %v", len(left.Uploads), err)
	}
}

func TestMissingBucketOnMoto(t *testing.T) {
	s := open(t, s3.NewClient(awslocal.Moto(t).Config()), s3.Options{Bucket: "nobody-made-this"})
	if _, err := s.Create(t.Context(), "k", writing([]byte("x"))); !errors.Is(err, s3.ErrNoBucket) {
		t.Errorf("create: %v", err)
	}
	if o, err := s.Open(t.Context(), "k"); !errors.Is(err, s3.ErrNoBucket) {
		t.Errorf("open: %v %v", o, err)
	}
}

// TestListsOverPages: more than the 1,000 objects that one answer holds.
func TestListsOverPages(t *testing.T) {
	client := s3.NewClient(awslocal.Moto(t).Config())
	s := open(t, client, s3.Options{Bucket: bucket(t, client, "pages"), Prefix: "x+y"})
	const n = 1050
	for i := range n {
		if _, err := s.Create(t.Context(), lake.Key(fmt.Sprintf("a/%04d+%d", i, i)), writing(nil)); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for info, err := range s.List(t.Context(), "a/") {
		if err != nil {
			t.Fatal(err)
		}
		if want := lake.Key(fmt.Sprintf("a/%04d+%d", seen, seen)); info.Key != want {
			t.Fatalf("%s, want %s", info.Key, want)
		}
		seen++
	}
	if seen != n {
		t.Fatalf("%d of %d", seen, n)
	}
}
