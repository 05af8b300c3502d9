package collect_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/serve/api"
)

// wire sends bytes as they are and reads the answer; half closes the sending
// side after them.
func (s *setup) wire(srv *httptest.Server, text string, half bool) reply {
	s.t.Helper()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	if tcp, ok := c.(*net.TCPConn); ok && half {
		if err := tcp.CloseWrite(); err != nil {
			s.t.Fatal(err)
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.reply(res)
}

const head = "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"

func TestBodyShorterThanContentLengthStoresNothing(t *testing.T) {
	s := build(t, nil)
	srv := s.server()
	s.want(s.wire(srv, head+"Content-Length: 1000\r\n\r\n"+lines(3), true), 400, "wrong_length")
	s.want(s.wire(srv, head+"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n", true), 400, "wrong_length")
	s.want(s.wire(srv, head+"Transfer-Encoding: chunked\r\n\r\nzz\r\n", true), 400, "wrong_length")
	s.want(s.wire(srv, head+"Content-Length: 99999999999\r\n\r\n", false), 413, "too_large")
}

func TestChunkedBodyIsTaken(t *testing.T) {
	s := build(t, nil)
	text := lines(100)
	got := s.wire(s.server(), fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(text), text), false)
	s.wantTaken(got, 100, 0)
}

func TestSlowClientIsToldAndHoldsUpNobody(t *testing.T) {
	s := build(t, func(c *collect.Config) { c.Limits = collect.Limits{ReadTimeout: time.Second} })
	srv := s.server()
	s.want(s.wire(srv, head+"Content-Length: 1000000\r\n\r\n"+lines(3), false), 408, "too_slow")
	s.wantTaken(s.post([]byte(lines(3)), asLines), 3, 0)
}

func TestWaitForTheDiskIsNotTheClientsSlowness(t *testing.T) {
	const limit = time.Second // for a body that is there already, on a busy machine too
	s := build(t, func(c *collect.Config) { c.Limits = collect.Limits{ReadTimeout: limit} })
	s.stream.block = make(chan struct{})
	srv := s.server()
	done := make(chan reply, 1)
	go func() {
		done <- s.wire(srv, fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(lines(3)), lines(3)), false)
	}()
	<-s.stream.inside
	time.AfterFunc(limit+limit/4, func() { close(s.stream.block) })
	s.wantTaken(<-done, 3, 0)
}

func TestClientThatGoesAwayIsNoTrouble(t *testing.T) {
	s := build(t, nil)
	s.stream.block = make(chan struct{})
	srv := s.server()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-s.stream.inside
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/events", strings.NewReader(lines(3)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	if res, err := srv.Client().Do(r); !errors.Is(err, context.Canceled) {
		t.Fatalf("answer %v, %v", res, err)
	}
	close(s.stream.block)
	srv.Close() // waits until the request is over
	s.stream.taken()
	s.stream.block = nil
	s.wantTaken(s.post([]byte(lines(3)), asLines), 3, 0)
}

func TestErrorsOfTheStreamAreToldApart(t *testing.T) {
	s := build(t, nil)
	for _, c := range []struct {
		fail   error
		status int
		code   api.Code
		retry  bool
	}{
		{fmt.Errorf("append: %w", lake.Errorf(lake.ErrFull, "free space", "disk full")), 503, api.CodeFull, true},
		{fmt.Errorf("append: %w", lake.ErrClosed), 503, api.CodeClosed, true},
		{errors.New("write /data/stream/shard-000: input/output error"), 500, "not_stored", false},
	} {
		s.stream.fail = c.fail
		got := s.post([]byte(lines(3)), asLines)
		s.want(got, c.status, c.code)
		if (got.header.Get("Retry-After") != "") != c.retry {
			t.Errorf("%v: Retry-After %q", c.fail, got.header.Get("Retry-After"))
		}
		if strings.Contains(got.Error.Message, "/data") {
			t.Errorf("the client learns a path: %s", got.Error.Message)
		}
	}
	s.stream.fail = nil
	s.wantTaken(s.post([]byte(lines(3)), asLines), 3, 0)
}

func TestMemoryOfRequestsInFlightIsBounded(t *testing.T) {
	s := build(t, func(c *collect.Config) {
		c.Limits = collect.Limits{Request: 64 << 10, Memory: 512 << 10, Wait: time.Millisecond}
	})
	s.stream.block = make(chan struct{})
	var wg sync.WaitGroup
	answers := make(chan reply, 100)
	for range 8 { // of 64 KiB each
		wg.Go(func() { answers <- s.post([]byte(lines(10)), asLines) })
	}
	for range 8 {
		<-s.stream.inside
	}
	got := s.post([]byte(lines(10)), asLines)
	s.want(got, 503, "busy")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(s.stream.block)
	wg.Wait()
	close(answers)
	for a := range answers {
		if a.status != 202 {
			t.Errorf("answer %d", a.status)
		}
	}
	s.stream.taken()
	s.stream.block = nil
	s.wantTaken(s.post([]byte(lines(10)), asLines), 10, 0) // everything was given back
}

func TestManyClientsAtOnceGetTheirOwnAnswers(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := build(t, func(c *collect.Config) { c.Registry = reg })
	srv := s.server()
	const clients, posts, batch = 8, 20, 50
	gz, zs := gzipOf(t, []byte(lines(batch)+"broken\n")), zstdOf(t, []byte(lines(batch)+"broken\n"))
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for range posts {
				body, encoding := lines(batch)+"broken\n", "identity"
				switch c % 3 {
				case 1:
					body, encoding = string(gz), "gzip"
				case 2:
					body, encoding = string(zs), "zstd"
				}
				r, err := http.NewRequest(http.MethodPost, srv.URL, strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/x-ndjson")
				r.Header.Set("Content-Encoding", encoding)
				res, err := srv.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				got := s.reply(res)
				if err := res.Body.Close(); err != nil {
					t.Error(err)
				}
				if got.status != 202 || got.Accepted != batch || got.Quarantined != 1 || got.Results[batch].Status != "quarantined" {
					t.Errorf("answer %d: %d accepted, %d quarantined (%s)", got.status, got.Accepted, got.Quarantined, got.Error.Message)
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.stream.taken()); n != clients*posts*(batch+1) {
		t.Errorf("%d events in the stream", n)
	}
	want := fmt.Sprintf(`
# HELP lake_collect_events_total Events put into the stream, by what the client was told.
# TYPE lake_collect_events_total counter
lake_collect_events_total{result="accepted",source="default"} %d
lake_collect_events_total{result="quarantined",source="default"} %d
# HELP lake_collect_inflight_bytes Memory held by requests in flight.
# TYPE lake_collect_inflight_bytes gauge
lake_collect_inflight_bytes 0
`, clients*posts*batch, clients*posts)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "lake_collect_events_total", "lake_collect_inflight_bytes"); err != nil {
		t.Error(err)
	}
}

// TestAClientThatSendsEverythingFirstGetsItsAnswer plays the many clients that
// look for an answer only when all of the body is sent: they must learn why they
// were refused, and not of a connection that was reset.
func TestAClientThatSendsEverythingFirstGetsItsAnswer(t *testing.T) {
	s := build(t, func(c *collect.Config) {
		c.Keys = testKeys
		c.Limits = collect.Limits{EventRate: 1}
	})
	srv := s.server()
	const web, size = "Authorization: Bearer web-key\r\n", 12 << 20
	for range 3 { // a reset is a race that is lost most times, not always
		sized := fmt.Sprintf("Content-Length: %d\r\n\r\n", size)
		s.want(s.wireAll(srv, head+sized, size), 401, "unauthorized")
		s.want(s.wireAll(srv, head+web+sized, size), 413, "too_large")
		chunked := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size+len("\r\n0\r\n\r\n"))
		s.want(s.wireAll(srv, head+web+chunked, size), 413, "too_large")
	}
	all := lines(10_000) // what the key may send at once
	s.wantTaken(s.wire(srv, fmt.Sprintf("%s%sContent-Length: %d\r\n\r\n%s", head, web, len(all), all), false), 10_000, 0)
	s.want(s.wireAll(srv, fmt.Sprintf("%s%sContent-Length: %d\r\n\r\n", head, web, 9<<20), 9<<20), 429, "rate_limited")
}

// wireAll sends the head and then size line ends before it looks for an answer.
func (s *setup) wireAll(srv *httptest.Server, head string, size int) reply {
	s.t.Helper()
	return s.wire(srv, head+strings.Repeat("\n", size), false)
}

// TestARefusedClientThatWaitsForTheWordSendsNothing: one that says Expect:
// 100-continue is answered at once, without the word and without a wait for a
// body that it will not send.
func TestARefusedClientThatWaitsForTheWordSendsNothing(t *testing.T) {
	s := build(t, nil)
	srv := s.server()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // less than the time to send a request
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, head+"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("the connection was not closed behind the answer: %v", err)
	}
	if text := string(all); !strings.HasPrefix(text, "HTTP/1.1 413 ") || strings.Contains(text, "100 Continue") {
		t.Errorf("got %q", text)
	}
}
