package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/client"
)

// server takes events as a lake does and misbehaves as it is told.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	got      map[string]int // how often each line came
	requests []*http.Request
	// before may answer instead; it returns true when it did.
	before func(n int, w http.ResponseWriter, body []byte) bool
	// lost closes the connection after storing when it returns true.
	lost func(n int) bool
}

func newServer(t *testing.T) *server {
	s := &server{got: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if r.Header.Get("Content-Encoding") == "zstd" && err == nil {
		var z *zstd.Decoder
		if z, err = zstd.NewReader(nil); err == nil {
			body, err = z.DecodeAll(body, nil)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	n := len(s.requests)
	if s.before != nil && s.before(n, w, body) {
		return
	}
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	bad := []map[string]any{}
	for i, line := range lines {
		s.got[line]++
		if !json.Valid([]byte(line)) {
			bad = append(bad, map[string]any{"index": i, "status": "quarantined", "reason": "malformed_json", "detail": "x"})
		}
	}
	if s.lost != nil && s.lost(n) {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusAccepted)
	if err := json.NewEncoder(w).Encode(map[string]any{"accepted": len(lines) - len(bad), "quarantined": len(bad), "results": bad}); err != nil {
		panic(err)
	}
}

// numbered is n events, each different.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d}\n", i)
	}
	return b.String()
}

func newClient(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	if o.Backoff == nil {
		o.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func input(t *testing.T, text string) *client.Input {
	t.Helper()
	in, err := client.NewInput("test", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestEveryEventArrivesAndIsAcknowledged(t *testing.T) {
	for _, compress := range []bool{false, true} {
		s := newServer(t)
		acked := map[string]bool{}
		var prefixes []int64
		c := newClient(t, client.Options{URL: s.URL, Key: "lk_secret", BatchEvents: 70, Compress: compress, Header: http.Header{"X-Test": {"1"}}})
		report, err := c.Send(t.Context(), input(t, numbered(1000)+"{broken\n"), client.Hooks{
			Acked: func(a client.Ack) {
				lines := bytes.Split(bytes.TrimSuffix(a.Body, []byte("\n")), []byte("\n"))
				if len(lines) != a.Events || a.First == 0 && string(lines[0]) != `{"n":0}` {
					t.Errorf("batch at %d: %d lines, %d events", a.First, len(lines), a.Events)
				}
				for _, l := range lines {
					acked[string(l)] = true
				}
			},
			Prefix: func(n int64) { prefixes = append(prefixes, n) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if report.Events != 1001 || report.Accepted != 1000 || report.Quarantined != 1 || report.Reasons[lake.ReasonMalformed] != 1 || report.Requests != 15 {
			t.Errorf("report %+v", report)
		}
		if len(s.got) != 1001 || len(acked) != 1001 {
			t.Errorf("%d events arrived, %d were acknowledged", len(s.got), len(acked))
		}
		if !slices.IsSorted(prefixes) || prefixes[len(prefixes)-1] != 1001 {
			t.Errorf("prefixes %v", prefixes)
		}
		r := s.requests[0]
		if r.URL.Path != client.Path || r.Header.Get("Authorization") != "Bearer lk_secret" || r.Header.Get("X-Test") != "1" || r.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("request %s %v", r.URL, r.Header)
		}
	}
}

func TestWhatATryCanMendIsTriedAgain(t *testing.T) {
	s := newServer(t)
	s.before = func(n int, w http.ResponseWriter, _ []byte) bool {
		status := map[int]int{1: 429, 2: 503, 3: 500, 5: 502, 8: 408}[n]
		if status != 0 {
			http.Error(w, "not now", status)
		}
		return status != 0
	}
	s.lost = func(n int) bool { return n == 6 || n == 7 }
	report, err := newClient(t, client.Options{URL: s.URL, BatchEvents: 10}).Send(t.Context(), input(t, numbered(100)), client.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Accepted != 100 || report.Retries != 7 || report.Requests != 17 {
		t.Errorf("report %+v", report)
	}
	if len(s.got) != 100 {
		t.Errorf("%d events arrived", len(s.got))
	}
	twice := 0
	for _, n := range s.got {
		twice += n - 1
	}
	if twice != 20 {
		t.Errorf("%d events came twice; the two lost answers make it 20", twice)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			at = append(at, time.Now())
			w := httptest.NewRecorder()
			switch len(at) {
			case 1:
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusServiceUnavailable)
			case 2:
				w.Header().Set("Retry-After", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusTooManyRequests)
			default:
				w.WriteHeader(http.StatusAccepted)
				if _, err := io.WriteString(w, `{"accepted":1,"quarantined":0,"results":[]}`); err != nil {
					t.Error(err)
				}
			}
			return w.Result(), nil
		})
		c := newClient(t, client.Options{URL: "http://lake", HTTPClient: &http.Client{Transport: transport}})
		if _, err := c.Post(t.Context(), client.Batch{Events: 1, Body: []byte("{}\n")}); err != nil {
			t.Fatal(err)
		}
		if d := at[1].Sub(at[0]); d != 7*time.Second {
			t.Errorf("came back after %s, was asked to wait 7 s", d)
		}
		if d := at[2].Sub(at[1]); d < 19*time.Second || d > 20*time.Second {
			t.Errorf("came back after %s, was asked to wait until 20 s later", d)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := newClient(t, client.Options{URL: "http://lake", Patience: time.Minute, Backoff: func(int) time.Duration { return time.Second },
			HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })}})
		_, err := c.Send(t.Context(), input(t, numbered(5000)), client.Hooks{})
		if !errors.Is(err, lake.ErrLimit) || lake.Hint(err) == "" || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error %v, hint %q", err, lake.Hint(err))
		}
		if d := time.Since(began); d < time.Minute || d > 2*time.Minute {
			t.Errorf("gave up after %s", d)
		}
	})
}

func TestWhatTheLakeSaysIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, client.Options{URL: "http://lake", HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			w.WriteHeader(http.StatusServiceUnavailable)
			_, err := io.WriteString(w, `{"error":{"code":"no_room","message":"the disk is full","hint":"free some space"}}`)
			return w.Result(), err
		})}})
		_, err := c.Post(t.Context(), client.Batch{Events: 1, Body: []byte("{}\n")})
		if want := "no success for 1m0s: http://lake/v1/events answered 503 no_room: the disk is full"; !errors.Is(err, lake.ErrLimit) || err.Error() != want {
			t.Errorf("%v", err)
		}
		if want := "free some space; what was acknowledged is safe, and sending again is too"; lake.Hint(err) != want {
			t.Errorf("hint %q", lake.Hint(err))
		}
	})
}

func TestWhatATryCannotMendStopsAtOnce(t *testing.T) {
	for status, body := range map[int]string{
		401: `{"error":{"code":"unauthorized","message":"this needs a key","hint":"send a key"}}`,
		400: `{"error":{"code":"not_json","message":"no","hint":"h"}}`,
		403: "{}", 404: "404 page not found", 301: "", 405: "", 415: "{}", 421: "{}",
		200: "<html>hello</html>", 202: `{"accepted":1,"quarantined":0,"results":[]}`,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s := newServer(t)
			s.before = func(_ int, w http.ResponseWriter, _ []byte) bool {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
				_, err := io.WriteString(w, body)
				return err == nil
			}
			report, err := newClient(t, client.Options{URL: s.URL, Connections: 1}).Send(t.Context(), input(t, numbered(3000)), client.Hooks{})
			if !errors.Is(err, lake.ErrInvalid) || report.Acknowledged() != 0 {
				t.Errorf("report %+v, error %v", report, err)
			}
			if status == 401 && (lake.Hint(err) != "send a key" || !strings.Contains(err.Error(), "401 unauthorized: this needs a key")) {
				t.Errorf("%v, hint %q", err, lake.Hint(err))
			}
			if len(s.requests) != 1 {
				t.Errorf("%d requests", len(s.requests))
			}
		})
	}
}

func TestTooLargeForTheLakeIsHalved(t *testing.T) {
	s := newServer(t)
	s.before = func(_ int, w http.ResponseWriter, body []byte) bool {
		if len(body) > 100 {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	}
	large := `{"x":"` + strings.Repeat("y", 2000) + "\"}\n"
	var dropped []int64
	report, err := newClient(t, client.Options{URL: s.URL, BatchEvents: 64}).Send(t.Context(), input(t, numbered(90)+large+"{oops\n"+numbered(30)), client.Hooks{
		Acked: func(a client.Ack) {
			for _, d := range a.Dropped {
				dropped = append(dropped, a.First+int64(d.Index))
			}
			for _, q := range a.Quarantined {
				if n := a.First + int64(q.Index); n != 91 {
					t.Errorf("event %d was quarantined", n)
				}
			}
		},
	})
	if err != nil || report.Accepted != 120 || report.Quarantined != 1 || report.Dropped != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
	if !slices.Equal(dropped, []int64{90}) {
		t.Errorf("dropped %v, want event 90", dropped)
	}
}

func TestASlowSourceIsSentSoon(t *testing.T) {
	s := newServer(t)
	r, w := io.Pipe()
	acked := make(chan int)
	done := make(chan error, 1)
	go func() {
		in, err := client.NewInput("pipe", r)
		if err == nil {
			_, err = newClient(t, client.Options{URL: s.URL, Linger: 10 * time.Millisecond}).Send(t.Context(), in, client.Hooks{Acked: func(a client.Ack) { acked <- a.Events }})
		}
		done <- err
	}()
	for range 2 {
		if _, err := io.WriteString(w, "{}\n"); err != nil {
			t.Fatal(err)
		}
		if n := <-acked; n != 1 {
			t.Errorf("%d events", n)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestAStoppedSendReportsWhatIsAcknowledged(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	report, err := newClient(t, client.Options{URL: s.URL, BatchEvents: 10, Connections: 1}).Send(ctx, input(t, numbered(100_000)), client.Hooks{
		Prefix: func(n int64) {
			if n >= 50 {
				cancel(stop)
			}
		},
	})
	if !errors.Is(err, stop) || report.Accepted < 50 || report.Accepted > 100 {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestABrokenSourceSendsWhatCameBefore(t *testing.T) {
	s := newServer(t)
	in, err := client.NewInput("disk", io.MultiReader(strings.NewReader(numbered(5)+"{\"half"), failing{}))
	if err != nil {
		t.Fatal(err)
	}
	report, err := newClient(t, client.Options{URL: s.URL}).Send(t.Context(), in, client.Hooks{})
	if err == nil || !strings.Contains(err.Error(), "read event 6: disk: bad sector") || report.Accepted != 5 {
		t.Errorf("report %+v, %v", report, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("bad sector") }

func TestURLs(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8080", "localhost", "ftp://x", "http://", "://"} {
		if _, err := client.New(client.Options{URL: bad}); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	s := newServer(t)
	if _, err := newClient(t, client.Options{URL: s.URL + "/prefix/v1/events"}).Post(t.Context(), client.Batch{Events: 1, Body: []byte("{}\n")}); err != nil {
		t.Fatal(err)
	}
	if s.requests[0].URL.Path != "/prefix/v1/events" || !maps.Equal(s.got, map[string]int{"{}": 1}) {
		t.Errorf("%s, %v", s.requests[0].URL, s.got)
	}
}
