package cloud_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
)

// TestTheCollectorReadsItsKeysAgain: what is put in place of the object with the
// keys counts a minute later, and an object that is gone ends in 503, not in 401.
func TestTheCollectorReadsItsKeysAgain(t *testing.T) {
	moto := awslocal.Moto(t)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Chdir(t.TempDir())
	dir, bucket, name := t.TempDir(), "keys", "config/keys.json"
	if _, err := moto.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	made, err := keys.Open(disk.OS{}, dir, keys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	upload := func() {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, keys.Name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := moto.S3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(name), Body: bytes.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	secret, key, err := made.Create("shop", keys.Write, "")
	if err != nil {
		t.Fatal(err)
	}
	upload()

	env := []string{"LAKE_AWS_STREAM=s", "LAKE_AWS_BUCKET=" + bucket, "LAKE_AWS_KEYS=" + name, "LAKE_KEYS_REQUIRED=on"}
	c, err := cloud.Open(t.Context(), env, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := lake.SystemClock()
	c.AWS, c.Clock = moto.Config(), func() lake.Instant { return now }
	h, err := c.Collector(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// A body without an event gets no further than the collector when the key is good.
	post := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/v1/events", strings.NewReader(" "))
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if w := post(); w.Code != http.StatusBadRequest {
		t.Fatalf("a good key: %d %s", w.Code, w.Body)
	}
	if _, err := moto.S3().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(5 * time.Minute)
	if w := post(); w.Code != http.StatusBadRequest {
		t.Fatalf("the keys of five minutes ago, while the object is gone: %d %s", w.Code, w.Body)
	}
	now = now.Add(6 * time.Minute)
	if w := post(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"busy"`) {
		t.Fatalf("keys of eleven minutes ago: %d %s", w.Code, w.Body)
	}
	if _, err := made.Revoke(key.ID); err != nil {
		t.Fatal(err)
	}
	upload()
	now = now.Add(time.Minute)
	if w := post(); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "revoked") {
		t.Fatalf("a revoked key: %d %s", w.Code, w.Body)
	}
}
