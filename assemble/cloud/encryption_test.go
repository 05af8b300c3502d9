package cloud_test

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
)

// encryption is what requests to S3 say about encryption: of each operation the
// headers about it, "" when there are none.
type encryption struct {
	mu   sync.Mutex
	said map[string]string
}

// ServeHTTP takes objects whole and in parts, and keeps nothing of them.
func (e *encryption) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	q, operation, answer := r.URL.Query(), "", ""
	switch {
	case err != nil:
	case r.Method == http.MethodPost && q.Has("uploads"):
		operation, answer = "CreateMultipartUpload", `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`
	case r.Method == http.MethodPut && q.Has("partNumber"):
		operation = "UploadPart"
		w.Header().Set("ETag", `"e"`)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		operation, answer = "CompleteMultipartUpload", `<CompleteMultipartUploadResult/>`
	case r.Method == http.MethodPut:
		operation = "PutObject"
	}
	if operation == "" {
		http.Error(w, fmt.Sprintf("%s %s: %v", r.Method, r.URL, err), http.StatusNotImplemented)
		return
	}
	var said []string
	for _, h := range []string{"", "-Aws-Kms-Key-Id", "-Bucket-Key-Enabled", "-Context", "-Customer-Algorithm", "-Customer-Key"} {
		for _, v := range r.Header.Values("X-Amz-Server-Side-Encryption" + h) {
			said = append(said, strings.ToLower(h)+"="+v)
		}
	}
	e.mu.Lock()
	e.said[operation] = strings.Join(said, " ")
	e.mu.Unlock()
	if _, err := io.WriteString(w, answer); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// TestObjectsNameTheKeyThatIsConfigured: LAKE_AWS_KMS_KEY is in the headers of
// whatever makes an object, and without it S3 encrypts as the bucket says.
func TestObjectsNameTheKeyThatIsConfigured(t *testing.T) {
	t.Chdir(t.TempDir())
	const key = "arn:aws:kms:eu-west-1:123456789012:key/1"
	named := "=aws:kms -aws-kms-key-id=" + key + " -bucket-key-enabled=true"
	for _, test := range []struct {
		env, want string
	}{{"LAKE_AWS_KMS_KEY=" + key, named}, {"LAKE_AWS_KMS_KEY=", ""}, {"LAKE_LOG_LEVEL=info", ""}} {
		said := &encryption{said: map[string]string{}}
		server := httptest.NewServer(said)
		defer server.Close()
		for k, v := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": server.URL} {
			t.Setenv(k, v)
		}
		c, err := cloud.Open(t.Context(), []string{"LAKE_AWS_BUCKET=lake", test.env}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		store, err := c.Store()
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1, 9 << 20} { // the second is sent in parts
			if _, err := store.Create(t.Context(), lake.Key(fmt.Sprint("raw/", size)), func(w io.Writer) error {
				_, err := w.Write(make([]byte, size))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]string{"PutObject": test.want, "CreateMultipartUpload": test.want, "UploadPart": "", "CompleteMultipartUpload": ""}
		if !maps.Equal(said.said, want) {
			t.Errorf("with %s:\n%q\nwant\n%q", test.env, said.said, want)
		}
	}
}
