package query_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/query"
	"github.com/eventlake/lake/serve/api"
)

func onlyReaders(r *http.Request) error {
	_, err := api.Authenticator(func(secret string) (api.Caller, error) {
		switch secret {
		case "lk_read":
			return api.Caller{Key: "k1", Role: api.Read}, nil
		case "lk_write":
			return api.Caller{Key: "k2", Role: api.Write}, nil
		}
		return api.Caller{}, lake.Errorf(lake.ErrInvalid, "see: lake keys list", "this key is not known")
	}).Authenticate(r, api.Read)
	return err
}

// TestHTTP runs testdata/http.txt: a request line, headers, an empty line and
// the body; the answer is the status, some headers and the body.
func TestHTTP(t *testing.T) {
	e, _ := lakeOf(t)
	srv := httptest.NewServer(query.Handler(query.Direct(e, query.Bounds{}), query.Limits{Rows: 5, MaxRows: 100, BodyBytes: 2000}, onlyReaders, nil))
	defer srv.Close()
	elapsed := regexp.MustCompile(`"elapsed_ms":[0-9.]+`)
	dialogue(t, "http.txt", func(command string) string {
		head, body, _ := strings.Cut(command, "\n\n")
		lines := strings.Split(head, "\n")
		method, path, _ := strings.Cut(lines[0], " ")
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(strings.ReplaceAll(body, "<2000 bytes>", strings.Repeat("x", 2000))))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", "test")
		req.Header.Set("Authorization", "Bearer lk_read")
		for _, l := range lines[1:] {
			k, v, _ := strings.Cut(l, ": ")
			req.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := res.Body.Close(); err != nil {
				t.Error(err)
			}
		}()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		out := res.Status + "\n"
		for _, k := range []string{"Content-Type", "WWW-Authenticate", "Retry-After", "Allow"} {
			if v := res.Header.Get(k); v != "" {
				out += k + ": " + v + "\n"
			}
		}
		out += "\n" + elapsed.ReplaceAllString(string(answer), `"elapsed_ms":0`)
		for _, k := range []string{"X-Lake-Row-Count", "X-Lake-Truncated"} {
			if v := res.Trailer.Get(k); v != "" {
				out = strings.TrimRight(out, "\n") + "\n" + k + ": " + v + "\n"
			}
		}
		return out
	})
}

// slow is an engine whose statements run until their context ends.
type slow struct{ running, ended chan struct{} }

func (s slow) Query(ctx context.Context, _ string, _ ...any) (lake.Rows, error) {
	s.running <- struct{}{}
	<-ctx.Done()
	s.ended <- struct{}{}
	return nil, fmt.Errorf("stopped: %w", errors.Join(lake.ErrLimit, ctx.Err()))
}

func newSlow() slow { return slow{make(chan struct{}, 10), make(chan struct{}, 10)} }

func post(t *testing.T, ctx context.Context, url, body string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	data, err := io.ReadAll(res.Body)
	return res, string(data), errors.Join(err, res.Body.Close())
}

func TestTimeLimitIs504(t *testing.T) {
	srv := httptest.NewServer(query.Handler(query.Direct(newSlow(), query.Bounds{}), query.Limits{Timeout: 20 * time.Millisecond}, nil, nil))
	defer srv.Close()
	res, body, err := post(t, t.Context(), srv.URL, "SELECT 1")
	if err != nil || res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, "longer than 20ms") {
		t.Errorf("got %v %s %v", res, body, err)
	}
}

func TestTimeLimitStopsRealStatement(t *testing.T) {
	e, _ := lakeOf(t)
	srv := httptest.NewServer(query.Handler(query.Direct(e, query.Bounds{}), query.Limits{Timeout: 100 * time.Millisecond}, nil, nil))
	defer srv.Close()
	start := time.Now()
	res, body, err := post(t, t.Context(), srv.URL, "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range * b.range % 7 = 3")
	if err != nil || res.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("got %v %s %v", res, body, err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("stopped after %v", d)
	}
}

func TestTooManyAtOnceIs429(t *testing.T) {
	s := newSlow()
	srv := httptest.NewServer(query.Handler(query.Direct(s, query.Bounds{}), query.Limits{Concurrent: 1, Wait: time.Millisecond}, nil, nil))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := post(t, ctx, srv.URL, "SELECT 1"); !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
	})
	<-s.running
	res, body, err := post(t, t.Context(), srv.URL, "SELECT 1")
	if err != nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "2" {
		t.Errorf("the second: %v %s %v", res, body, err)
	}
	cancel() // the client goes away
	<-s.ended
	wg.Wait()
}

// broken fails after its first row.
type broken struct{}

func (broken) Query(context.Context, string, ...any) (lake.Rows, error) { return &failing{}, nil }

type failing struct{ n int }

func (f *failing) Columns() []lake.ResultColumn {
	return []lake.ResultColumn{{Name: "a", Type: "VARCHAR"}}
}
func (f *failing) Close() error { return nil }
func (f *failing) Next() ([]any, error) {
	if f.n++; f.n > 5000 {
		return nil, errors.New("disk gone")
	}
	return []any{strings.Repeat("x", 100)}, nil
}

func TestAnswerThatBreaksOffIsNoAnswer(t *testing.T) {
	srv := httptest.NewServer(query.Handler(query.Direct(broken{}, query.Bounds{}), query.Limits{}, nil, nil))
	defer srv.Close()
	if _, body, err := post(t, t.Context(), srv.URL, "SELECT 1"); err == nil {
		t.Errorf("a part was taken for the whole: %d bytes", len(body))
	}
}

func TestHTTPSideBySide(t *testing.T) {
	e, _ := lakeOf(t)
	srv := httptest.NewServer(query.Handler(query.Direct(e, query.Bounds{}), query.Limits{Concurrent: 3, Wait: time.Minute}, nil, nil))
	defer srv.Close()
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			res, body, err := post(t, t.Context(), srv.URL, "SELECT count(*) AS n FROM events")
			if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(body, "[7]") {
				t.Errorf("got %v %s %v", res, body, err)
			}
		})
	}
	wg.Wait()
}
