package collect_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/eventlake/lake/collect"
)

// BenchmarkPost is the handler in process: 100 events of 500 bytes a POST,
// without a network and with a stream that stores nothing.
func BenchmarkPost(b *testing.B) {
	const n = 100
	var text bytes.Buffer
	for i := range n {
		e := fmt.Sprintf(`{"event_uuid":"0190a5c2-7e1b-7c3d-9f00-%012d","event_name":"lesson:started","created_at":1749999999123,`+
			`"user":{"id":%d,"country":"DE","plan":"family","tags":["a","b","c"]},"lesson":{"course":"go-101","unit":7,"minutes":12.5,"device":"phone"},`+
			`"session":"8f14e45f-ceea-467a-9af1-fd5c1e8f3b2d","app":{"version":"4.11.2","build":8123,"os":"android"},"title":"`, i, 100000+i)
		text.WriteString(e + strings.Repeat("some words ", 60)[:500-len(e)-2] + "\"}\n")
	}
	lines := text.Bytes()
	arr := append(append([]byte("["), bytes.ReplaceAll(bytes.TrimSpace(lines), []byte("\n"), []byte(","))...), ']')
	for _, c := range []struct {
		name    string
		body    []byte
		headers []string
	}{
		{"lines", lines, []string{asLines}},
		{"array", arr, []string{asJSON}},
		{"lines, minimal answer", lines, []string{asLines, "Prefer: return=minimal"}},
		{"lines, gzip", gzipOf(b, lines), []string{asLines, asGzip}},
		{"lines, zstd", zstdOf(b, lines), []string{asLines, asZstd}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := build(b, func(cfg *collect.Config) { cfg.Keys = testKeys })
			s.stream.keep = false
			r, err := http.NewRequest(http.MethodPost, "/v1/events", nil)
			if err != nil {
				b.Fatal(err)
			}
			for _, h := range append(c.headers, "Authorization: Bearer web-key") {
				k, v, _ := strings.Cut(h, ": ")
				r.Header.Set(k, v)
			}
			body := bytes.NewReader(c.body)
			r.Body, r.ContentLength = io.NopCloser(body), int64(len(c.body))
			w := &discard{header: http.Header{}}
			b.SetBytes(int64(len(lines)))
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(c.body)
				clear(w.header)
				s.handler.ServeHTTP(w, r)
				if w.status != http.StatusAccepted {
					b.Fatal(w.status)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}

// discard is a http.ResponseWriter that keeps the status only.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
