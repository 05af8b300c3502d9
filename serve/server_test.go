package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/serve"
	"github.com/eventlake/lake/serve/api"
)

// start runs a server on a free port until the test ends.
func start(t *testing.T, cfg serve.Config) *serve.Server {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	s, err := serve.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.ShutdownWithin(10 * time.Second); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, s *serve.Server, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
		if k == "Host" {
			r.Host = v
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func newServer(t *testing.T, cfg serve.Config) *serve.Server {
	t.Helper()
	s, err := serve.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOwnPages(t *testing.T) {
	s := newServer(t, serve.Config{Routes: map[string]http.Handler{"/v1/x": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}})
	for _, c := range []struct {
		method, path string
		status       int
		contains     string
	}{
		{"GET", "/", 200, "curl http://example.com/v1/events"},
		{"HEAD", "/", 200, ""},
		{"POST", "/", 405, "use GET, HEAD"},
		{"GET", "/nothing", 404, `"code":"not_found"`},
		{"GET", "/healthz", 200, "ok"},
		{"POST", "/healthz", 405, ""},
		{"GET", "/readyz", 200, `{"ready":true,"checks":{}}`},
		{"GET", "/", 200, "\n       /v1/x\n"},
		{"GET", "/v1/x", 418, ""},
		{"GET", "/metrics", 200, `lake_http_request_seconds_count{code="418",route="/v1/x"} 1`},
	} {
		res, body := get(t, s, c.method, c.path)
		if res.StatusCode != c.status || !strings.Contains(body, c.contains) {
			t.Errorf("%s %s: %d %q, want %d with %q", c.method, c.path, res.StatusCode, body, c.status, c.contains)
		}
		for _, h := range []string{"X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "X-Frame-Options", "X-Request-Id"} {
			if res.Header.Get(h) == "" {
				t.Errorf("%s %s: no %s", c.method, c.path, h)
			}
		}
	}
}

func TestReadyzSaysWhatIsNotReadyAndWhy(t *testing.T) {
	var broken error
	s := newServer(t, serve.Config{Checks: map[string]func(context.Context) error{
		"stream": func(context.Context) error { return nil },
		"disk":   func(context.Context) error { return broken },
	}})
	if res, body := get(t, s, "GET", "/readyz"); res.StatusCode != 200 {
		t.Fatal(res.StatusCode, body)
	}
	broken = lake.Errorf(lake.ErrFull, "free some space", "disk is 97%% full")
	res, body := get(t, s, "GET", "/readyz")
	var got struct {
		Ready  bool
		Checks map[string]struct {
			Ready     bool
			Why, Hint string
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if d := got.Checks["disk"]; res.StatusCode != 503 || got.Ready || d.Ready || d.Why != "disk is 97% full: no room" || d.Hint != "free some space" || !got.Checks["stream"].Ready {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	s.Drain()
	broken = nil
	if res, body := get(t, s, "GET", "/readyz"); res.StatusCode != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("draining: %d %s", res.StatusCode, body)
	}
}

func TestCheckThatHangsIsNotReady(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := newServer(t, serve.Config{Checks: map[string]func(context.Context) error{
		"hangs": func(context.Context) error { <-release; return nil },
		"fine":  func(context.Context) error { return nil },
	}})
	res, body := get(t, s, "GET", "/readyz")
	if res.StatusCode != 503 || !strings.Contains(body, `"hangs":{"ready":false,"why":"no answer in time"}`) || !strings.Contains(body, `"fine":{"ready":true}`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestPanicIsAnsweredAndLoggedWithTheRequestID(t *testing.T) {
	var log syncBuffer
	s := start(t, serve.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Routes: map[string]http.Handler{
			"/early": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") }),
			"/late": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if _, err := w.Write(make([]byte, 100_000)); err != nil {
					t.Error(err)
				}
				panic("oops")
			}),
		},
	})
	r, err := http.NewRequest(http.MethodGet, s.URL()+"/early", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(api.HeaderRequestID, "find-me")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body := read(t, res)
	if res.StatusCode != 500 || !strings.Contains(body, `"request_id":"find-me"`) || strings.Contains(body, "oops") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if l := log.String(); !strings.Contains(l, "find-me") || !strings.Contains(l, "oops") || !strings.Contains(l, "server_test.go") {
		t.Errorf("log: %s", l)
	}
	res, err = http.Get(s.URL() + "/late")
	if err == nil {
		defer func() { _ = res.Body.Close() }() // it broke on purpose
		if _, err = io.ReadAll(res.Body); err == nil {
			t.Error("half an answer looks whole")
		}
	}
}

func TestRequestIDsAreTakenOverOnlyWhenHarmless(t *testing.T) {
	s := newServer(t, serve.Config{})
	for id, keep := range map[string]bool{"abc-1.2:3_X": true, "": false, "with space": false, strings.Repeat("x", 65): false, "a\"b": false, "ü": false} {
		res, _ := get(t, s, "GET", "/healthz", api.HeaderRequestID+": "+id)
		if got := res.Header.Get(api.HeaderRequestID); (got == id) != keep || got == "" {
			t.Errorf("id %q became %q", id, got)
		}
	}
}

func TestShutdownFinishesWhatItHasAndTakesNoMore(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	s := newServer(t, serve.Config{Addr: "127.0.0.1:0", Routes: map[string]http.Handler{
		"/slow": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(inside)
			<-release
			if _, err := io.WriteString(w, "done"); err != nil {
				t.Error(err)
			}
		}),
	}})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get(s.URL() + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- read(t, res)
	}()
	<-inside
	stopped := make(chan error, 1)
	go func() { stopped <- s.ShutdownWithin(10 * time.Second) }()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("a stopping server takes connections", c.Close())
	}
	if res, body := get(t, s, "GET", "/readyz"); res.StatusCode != 503 {
		t.Errorf("readyz while stopping: %d %s", res.StatusCode, body)
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the request that was being answered got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := s.ShutdownWithin(time.Second); err != nil {
		t.Errorf("second shutdown: %v", err)
	}
}

func TestShutdownCutsWhatDoesNotEndInTime(t *testing.T) {
	inside := make(chan struct{})
	ended := make(chan struct{})
	s := newServer(t, serve.Config{Addr: "127.0.0.1:0", Routes: map[string]http.Handler{
		"/hangs": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(inside)
			<-r.Context().Done()
			close(ended)
		}),
	}})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	go func() {
		if res, err := http.Get(s.URL() + "/hangs"); err == nil {
			read(t, res)
		}
	}()
	<-inside
	if err := s.ShutdownWithin(20 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	<-ended
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := start(t, serve.Config{Limits: serve.Limits{Connections: 1}})
	ask := func(c net.Conn, wait time.Duration) error {
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return err
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	first, second := dial(t, s), dial(t, s)
	if err := ask(first, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := ask(second, 50*time.Millisecond); err == nil {
		t.Error("a second connection was served beside the first")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(second), nil); err != nil {
		t.Errorf("the second was not served after the first: %v", err)
	}
}

func TestSlowAndHugeHeadersAreCutOff(t *testing.T) {
	s := start(t, serve.Config{Limits: serve.Limits{Header: 50 * time.Millisecond, HeaderBytes: 1 << 10}})
	slow := dial(t, s)
	if _, err := io.WriteString(slow, "GET /healthz HTTP/1.1\r\nHost: lo"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(slow); err != nil {
		t.Error(err)
	}
	huge := dial(t, s)
	if _, err := io.WriteString(huge, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 9<<10)+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(huge), nil)
	if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("huge header: %v, %v", res, err)
	}
}

func TestServerWithoutKeysAnswersOnlyToItsLocalNames(t *testing.T) {
	s := newServer(t, serve.Config{LocalOnly: true})
	for host, ok := range map[string]bool{"localhost": true, "localhost:8080": true, "127.0.0.1:8080": true, "[::1]:8080": true, "127.9.9.9": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "10.0.0.1:80": false, "": false} {
		res, body := get(t, s, "GET", "/", "Host: "+host)
		if (res.StatusCode == 200) != ok {
			t.Errorf("host %q: %d %s", host, res.StatusCode, body)
		}
	}
}

// TestErrorsBeforeThereIsARequestAreText holds the section on errors of
// docs/http.md to what is answered before and after there is a request.
func TestErrorsBeforeThereIsARequestAreText(t *testing.T) {
	s := start(t, serve.Config{LocalOnly: true})
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n": "400 text",
		"gibberish\r\n\r\n":      "400 text",
		"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\nContent-Length: 2\r\n\r\n{}":          "417 text",
		"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: tea\r\nConnection: close\r\n\r\n": "501 text",
		"GET / HTTP/9.0\r\nHost: localhost\r\n\r\n":                                                 "505 text",
		"GET / HTTP/1.0\r\n\r\n": "421 names no host: `Host: localhost`",
		"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n": "421 answers only to localhost: use one of these",
		"GET /absent HTTP/1.0\r\nHost: localhost\r\n\r\n":                   "404 nothing at this path: GET / lists",
	} {
		c := dial(t, s)
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%.60q: %v", request, err)
			continue
		}
		body := read(t, res)
		var answer struct {
			Error struct{ Message, Hint string }
		}
		kind := "text"
		if res.Header.Get("Content-Type") == "application/json" {
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Errorf("%.60q: %v in %s", request, err, body)
			}
			kind = answer.Error.Message + ": " + answer.Error.Hint
		}
		status, what, _ := strings.Cut(want, " ")
		message, hint, _ := strings.Cut(what, ": ")
		if strconv.Itoa(res.StatusCode) != status || !strings.Contains(kind, message) || !strings.Contains(kind, hint) {
			t.Errorf("%.60q: %d %s, want %s", request, res.StatusCode, kind, want)
		}
	}
}

func TestBadConfigurationsNameEveryProblem(t *testing.T) {
	_, err := serve.New(serve.Config{Addr: "nowhere", TLS: serve.TLS{Cert: "x.pem"}, Routes: map[string]http.Handler{"/metrics": http.NotFoundHandler()}})
	if !errors.Is(err, lake.ErrInvalid) || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("error: %v", err)
	}
	taken := start(t, serve.Config{})
	s := newServer(t, serve.Config{Addr: taken.Addr()})
	if err := s.Listen(); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Errorf("listening twice: %v", err)
	}
}

func TestListeningBeyondLoopbackNeedsAKey(t *testing.T) {
	for addr, local := range map[string]bool{"127.0.0.1:8080": true, "localhost:80": true, "[::1]:80": true, "127.1.2.3:1": true, "[::ffff:127.0.0.1]:1": true,
		":8080": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.2:80": false, "lake.example:80": false} {
		if err := serve.CheckListen(addr, false); (err == nil) != local || err != nil && !strings.Contains(lake.Hint(err), "lake keys create") {
			t.Errorf("%s without keys: %v", addr, err)
		}
		if err := serve.CheckListen(addr, true); err != nil {
			t.Errorf("%s with keys: %v", addr, err)
		}
	}
}

func dial(t *testing.T, s *serve.Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // most are closed by then
	return c
}

func read(t *testing.T, res *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Error(err)
	}
	return string(data)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}
func (b *syncBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }
