package collect_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/serve/api"
)

func event(i int) string {
	return fmt.Sprintf(`{"event_uuid":"u%d","event_name":"lesson:started","created_at":1749999999}`, i)
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(event(i) + "\n")
	}
	return b.String()
}

func array(n int) string {
	return "[" + strings.TrimSuffix(strings.ReplaceAll(lines(n), "\n", ","), ",") + "]"
}

func gzipOf(t testing.TB, s []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zstdOf compresses as a stream, so that the frame does not say its size.
func zstdOf(t testing.TB, s []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for chunk := range chunks(s, 100_000) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func chunks(s []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(s) > 0 {
			k := min(n, len(s))
			if !yield(s[:k]) {
				return
			}
			s = s[k:]
		}
	}
}

// zstdSized compresses in one go: the frame says its size.
func zstdSized(t testing.TB, s []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(s, nil)
}

// reply is an answer of either kind.
type reply struct {
	status      int
	header      http.Header
	Accepted    int
	Quarantined int
	Results     []struct {
		Index          int
		Status         string
		Reason, Detail string
	}
	Error struct {
		Code          api.Code
		Message, Hint string
	}
}

// post sends a body; headers are "Name: value".
func (s *setup) post(body []byte, headers ...string) reply {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/events", bytes.NewReader(body))
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Add(k, v)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return s.reply(w.Result())
}

func (s *setup) reply(res *http.Response) reply {
	s.t.Helper()
	out := reply{status: res.StatusCode, header: res.Header}
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		s.t.Fatalf("status %d: answer is no JSON: %v: %.300q", res.StatusCode, err, data)
	}
	return out
}

// want checks an error answer, and that nothing was stored.
func (s *setup) want(got reply, status int, code api.Code) {
	s.t.Helper()
	if got.status != status || got.Error.Code != code {
		s.t.Errorf("answer %d %q (%s), want %d %q", got.status, got.Error.Code, got.Error.Message, status, code)
	}
	if code != "not_stored" && got.Error.Message == "" {
		s.t.Error("an error without a message")
	}
	if n := len(s.stream.taken()); n > 0 {
		s.t.Errorf("%d events were stored", n)
	}
}

func (s *setup) wantTaken(got reply, accepted, quarantined int) []lake.Event {
	s.t.Helper()
	events := s.stream.taken()
	if got.status != http.StatusAccepted || got.Accepted != accepted || got.Quarantined != quarantined || len(events) != accepted+quarantined {
		s.t.Fatalf("answer %d, %d accepted, %d quarantined, %d in the stream (%s); want 202, %d, %d",
			got.status, got.Accepted, got.Quarantined, len(events), got.Error.Message, accepted, quarantined)
	}
	return events
}

const (
	asJSON  = "Content-Type: application/json"
	asLines = "Content-Type: application/x-ndjson"
	asGzip  = "Content-Encoding: gzip"
	asZstd  = "Content-Encoding: zstd"
)

func TestBatchesUpToTheLimitAreTakenAndLargerOnesAreNot(t *testing.T) {
	s := build(t, nil)
	for name, make := range map[string]func(int) string{"array": array, "lines": lines} {
		got := s.post([]byte(make(10_000)), asJSON)
		events := s.wantTaken(got, 10_000, 0)
		for i, e := range events {
			if string(e.Body) != event(i) || e.Received != testNow || e.ID == (lake.ID{}) || e.Source != lake.DefaultSource {
				t.Fatalf("%s: event %d is %+v", name, i, e)
			}
			if got.Results[i].Index != i || got.Results[i].Status != "accepted" {
				t.Fatalf("%s: result %d is %+v", name, i, got.Results[i])
			}
		}
		s.want(s.post([]byte(make(10_001)), asJSON), http.StatusRequestEntityTooLarge, "too_many_events")
	}
}

func TestContentTypeSaysHowToReadABody(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		status int
	}{
		"none":                       {"", http.StatusAccepted},
		"what curl -d says":          {"Content-Type: application/x-www-form-urlencoded", http.StatusAccepted},
		"the same, with a charset":   {"Content-Type: application/x-www-form-urlencoded; charset=UTF-8", http.StatusAccepted},
		"text":                       {"Content-Type: text/plain;charset=UTF-8", http.StatusAccepted},
		"lines":                      {asLines, http.StatusAccepted},
		"a form with parts":          {"Content-Type: multipart/form-data; boundary=x", http.StatusUnsupportedMediaType},
		"JSON in another charset":    {"Content-Type: application/json; charset=utf-16", http.StatusUnsupportedMediaType},
		"a form in another charset":  {"Content-Type: application/x-www-form-urlencoded; charset=latin1", http.StatusUnsupportedMediaType},
		"something that is no event": {"Content-Type: image/png", http.StatusUnsupportedMediaType},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, nil)
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			got := s.post([]byte(lines(3)), headers...)
			if c.status == http.StatusAccepted {
				s.wantTaken(got, 3, 0)
				return
			}
			s.want(got, c.status, "unknown_type")
		})
	}
}

func TestCompressedBodiesAreTaken(t *testing.T) {
	s := build(t, nil)
	text := []byte(lines(1000))
	half := bytes.IndexByte(text[len(text)/2:], '\n') + len(text)/2 + 1
	for name, c := range map[string]struct {
		body   []byte
		header string
	}{
		"gzip":                         {gzipOf(t, text), asGzip},
		"gzip of several members":      {append(gzipOf(t, text[:half]), gzipOf(t, text[half:])...), asGzip},
		"x-gzip":                       {gzipOf(t, text), "Content-Encoding: X-GZIP"},
		"zstd stream":                  {zstdOf(t, text), asZstd},
		"zstd that says its size":      {zstdSized(t, text), asZstd},
		"zstd of several frames":       {append(zstdSized(t, text[:half]), zstdOf(t, text[half:])...), asZstd},
		"zstd with a tiny first frame": {append(zstdSized(t, []byte("\n")), zstdOf(t, text)...), asZstd},
		"zstd with an 8 MiB window":    {zstdOf(t, text, zstd.WithWindowSize(8<<20)), asZstd},
		"zstd best":                    {zstdOf(t, text, zstd.WithEncoderLevel(zstd.SpeedBestCompression)), asZstd},
		"highly compressible gzip":     {gzipOf(t, append(bytes.Repeat([]byte("\n"), 9<<20), text...)), asGzip},
		"highly compressible zstd":     {zstdOf(t, append(bytes.Repeat([]byte("\n"), 9<<20), text...)), asZstd},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			s.wantTaken(s.post(c.body, asLines, c.header), 1000, 0)
		})
	}
}

func TestBombsAndTornCompressionAreRefusedWithBoundedMemory(t *testing.T) {
	s := build(t, nil)
	zeros := make([]byte, 48<<20)
	bomb := gzipOf(t, zeros)
	zbomb := zstdOf(t, zeros)
	sized := zstdSized(t, zeros)
	many := bytes.Repeat(zstdSized(t, zeros[:1<<20]), 100)
	text := []byte(lines(1000))
	torn, ztorn := gzipOf(t, text), zstdOf(t, text)
	flipped := bytes.Clone(torn)
	flipped[len(flipped)-5] ^= 1 // in the checksum
	for name, c := range map[string]struct {
		body   []byte
		header string
		status int
		code   api.Code
	}{
		"gzip bomb":                       {bomb, asGzip, 413, "too_large"},
		"zstd bomb":                       {zbomb, asZstd, 413, "too_large"},
		"zstd bomb that says its size":    {sized, asZstd, 413, "too_large"},
		"zstd bomb of many frames":        {many, asZstd, 413, "too_large"},
		"zstd with a huge window":         {zstdOf(t, zeros[:4<<20], zstd.WithWindowSize(256<<20)), asZstd, 400, "bad_compression"},
		"torn gzip":                       {torn[:len(torn)-20], asGzip, 400, "bad_compression"},
		"gzip with a wrong checksum":      {flipped, asGzip, 400, "bad_compression"},
		"gzip with something behind it":   {append(bytes.Clone(torn), "more"...), asGzip, 400, "bad_compression"},
		"torn zstd":                       {ztorn[:len(ztorn)-20], asZstd, 400, "bad_compression"},
		"empty gzip":                      {nil, asGzip, 400, "bad_compression"},
		"empty zstd":                      {nil, asZstd, 400, "empty_batch"},
		"zstd sent as gzip":               {ztorn, asGzip, 400, "bad_compression"},
		"gzip sent without saying so":     {torn, asJSON, 400, "not_json"},
		"gzip of nothing":                 {gzipOf(t, nil), asGzip, 400, "empty_batch"},
		"gzip over the limit on the wire": {make([]byte, 10<<20+1), asGzip, 413, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			s.want(s.post(c.body, asJSON, c.header), c.status, c.code) // warm: memory is reused
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s.want(s.post(c.body, asJSON, c.header), c.status, c.code)
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("refusing %d bytes allocated %d", len(c.body), grown)
			}
		})
	}
}

func TestOneOversizedEventIsQuarantinedWhole(t *testing.T) {
	s := build(t, nil)
	big := `{"event_uuid":"big","event_name":"a:b","created_at":1749999999,"x":"` + strings.Repeat("x", 2<<20) + `"}`
	got := s.post([]byte("["+event(1)+","+big+","+event(2)+"]"), asJSON)
	events := s.wantTaken(got, 2, 1)
	if r := got.Results[1]; r.Status != "quarantined" || r.Reason != string(lake.ReasonTooLarge) {
		t.Errorf("result %+v", r)
	}
	if string(events[1].Body) != big {
		t.Errorf("%d bytes of %d are in the stream", len(events[1].Body), len(big))
	}
}

func TestDeepNestingIsQuarantinedAndItsNeighboursPass(t *testing.T) {
	s := build(t, nil)
	deep := `{"event_uuid":"deep","event_name":"a:b","created_at":1749999999,"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`
	got := s.post([]byte("["+event(1)+","+deep+","+event(2)+"]"), asJSON)
	s.wantTaken(got, 2, 1)
	if r := got.Results[1]; r.Reason != string(lake.ReasonTooDeep) {
		t.Errorf("result %+v", r)
	}
}

func TestInvalidTextIsQuarantinedAndItsNeighboursPass(t *testing.T) {
	s := build(t, nil)
	bad := []string{
		`{"event_uuid":"a","event_name":"a:b","created_at":1749999999,"x":"` + "\xff\xfe" + `"}`,
		`{"event_uuid":"a","event_name":"a:b","created_at":1749999999,"x":"` + "\x00" + `"}`,
		`{"event_uuid":"a","event_name":"a:b","created_at":1749999999,"x":Infinity}`,
		`{"event_uuid":"a","event_name":"a:b","created_at":1749999999,}`,
		`{'event_uuid':1}`,
	}
	got := s.post([]byte(event(0)+"\n"+strings.Join(bad, "\n")+"\n"+event(1)), asLines)
	events := s.wantTaken(got, 2, len(bad))
	for i, b := range bad {
		if string(events[i+1].Body) != b || events[i+1].ID == (lake.ID{}) {
			t.Errorf("event %d: body %q, id %s", i+1, events[i+1].Body, events[i+1].ID)
		}
	}
}

func TestRequestsOverTheSizeLimitAreRefused(t *testing.T) {
	s := build(t, nil)
	pad := strings.Repeat(" ", 10<<20-len(event(1)))
	s.wantTaken(s.post([]byte(event(1)+pad), asJSON), 1, 0)
	s.want(s.post([]byte(event(1)+pad+" "), asJSON), 413, "too_large")
	s.want(s.post(gzipOf(t, []byte(event(1)+pad+" ")), asJSON, asGzip), 413, "too_large")
	s.want(s.post(zstdSized(t, []byte(event(1)+pad+" ")), asJSON, asZstd), 413, "too_large")
	s.wantTaken(s.post(zstdSized(t, []byte(event(1)+pad)), asJSON, asZstd), 1, 0)
	s.wantTaken(s.post(zstdOf(t, []byte(event(1)+pad)), asJSON, asZstd), 1, 0)
	s.wantTaken(s.post(gzipOf(t, []byte(event(1)+pad)), asJSON, asGzip), 1, 0)
}

func TestKeysAreBoundedInEventsAndBytesASecond(t *testing.T) {
	s := build(t, func(c *collect.Config) {
		c.Keys = testKeys
		c.Limits = collect.Limits{Events: 100, EventRate: 50, ByteRate: 1 << 30}
	})
	web, admin := "Authorization: Bearer web-key", "Authorization: Bearer admin-key"
	s.wantTaken(s.post([]byte(lines(90)), asLines, web), 90, 0)
	got := s.post([]byte(lines(60)), asLines, web) // 10 are left, one second brings 50
	s.want(got, 429, "rate_limited")
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	s.wantTaken(s.post([]byte(lines(60)), asLines, admin), 60, 0) // another key has its own
	s.now(time.Second)
	s.wantTaken(s.post([]byte(lines(59)), asLines, web), 59, 0)
	got = s.post([]byte(lines(100)), asLines, web)
	s.want(got, 429, "rate_limited")
	if got.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}

	s = build(t, func(c *collect.Config) { c.Limits = collect.Limits{Request: 1000, ByteRate: 500} })
	text := []byte(lines(12))
	s.wantTaken(s.post(text, asLines), 12, 0)
	s.want(s.post(text, asLines), 429, "rate_limited")
	s.now(2 * time.Second)
	s.wantTaken(s.post(text, asLines), 12, 0)
}

func TestPressureIsAskedBeforeTheBodyIsRead(t *testing.T) {
	var full error
	s := build(t, func(c *collect.Config) { c.Pressure = func() error { return full } })
	full = lake.Errorf(lake.ErrFull, "free some space", "disk /secret/path is 97%% full")
	w := httptest.NewRecorder()
	body := &untouched{answered: func() bool { return w.Flushed }}
	r := httptest.NewRequest(http.MethodPost, "/v1/events", body)
	s.handler.ServeHTTP(w, r)
	got := s.reply(w.Result())
	s.want(got, 503, api.CodeFull)
	if body.read || got.header.Get("Retry-After") == "" {
		t.Errorf("body read: %v; Retry-After %q", body.read, got.header.Get("Retry-After"))
	}
	if strings.Contains(got.Error.Message, "secret") {
		t.Errorf("the client learns a path: %s", got.Error.Message)
	}
	full = nil
	s.wantTaken(s.post([]byte(event(1)), asJSON), 1, 0)
}

// untouched notes whether it was read before the client had its answer.
type untouched struct {
	answered func() bool
	read     bool
}

func (u *untouched) Read([]byte) (int, error) {
	u.read = u.read || !u.answered()
	return 0, io.EOF
}
