package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/admin"
)

func ops() admin.Ops {
	return admin.Ops{
		"add": func(_ context.Context, in json.RawMessage, emit func(any)) (any, error) {
			var n []int
			if err := json.Unmarshal(in, &n); err != nil {
				return nil, err
			}
			sum := 0
			for _, v := range n {
				sum += v
				emit(sum)
			}
			return sum, nil
		},
		"fail": func(context.Context, json.RawMessage, func(any)) (any, error) {
			return nil, lake.Errorf(lake.ErrNotFound, "look elsewhere", "table x")
		},
		"wait": func(ctx context.Context, _ json.RawMessage, emit func(any)) (any, error) {
			emit("waiting")
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
}

// Both ways to run an operation must look the same to a command.
func TestOperationsAreTheSameHereAndInTheRunningLake(t *testing.T) {
	s := httptest.NewServer(admin.Handler(ops(), "secret", slog.New(slog.DiscardHandler)))
	defer s.Close()
	remote := admin.Client{Addr: strings.TrimPrefix(s.URL, "http://"), Token: "secret", HTTP: s.Client()}
	for name, do := range map[string]func(context.Context, string, any, func(json.RawMessage), any) error{"here": ops().Do, "remote": remote.Do} {
		t.Run(name, func(t *testing.T) {
			var sum int
			var steps []string
			if err := do(t.Context(), "add", []int{1, 2, 3}, func(p json.RawMessage) { steps = append(steps, string(p)) }, &sum); err != nil {
				t.Fatal(err)
			}
			if sum != 6 || strings.Join(steps, " ") != "1 3 6" {
				t.Errorf("%d by %v", sum, steps)
			}
			err := do(t.Context(), "fail", nil, nil, nil)
			if !errors.Is(err, lake.ErrNotFound) || lake.Hint(err) != "look elsewhere" || !strings.Contains(err.Error(), "table x") {
				t.Errorf("%v, hint %q", err, lake.Hint(err))
			}
			if err := do(t.Context(), "none", nil, nil, nil); !errors.Is(err, lake.ErrNotFound) {
				t.Errorf("%v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			if err := do(ctx, "wait", nil, func(json.RawMessage) { cancel() }, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A process that was stopped (SIGSTOP) still takes connections: its system does.
func TestASilentLakeIsNotWaitedForForEver(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "{}\n") // whether it comes through is the test's to see
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body) // the server sees the end of a connection once it has read the body
		<-r.Context().Done()
	}))
	defer half.Close()
	for what, c := range map[string]admin.Client{
		"from the beginning": {Addr: silent.Addr().String(), First: 50 * time.Millisecond, Next: time.Hour},
		"after a line":       {Addr: half.Listener.Addr().String(), First: time.Hour, Next: 50 * time.Millisecond},
	} {
		c.HTTP, c.PID = &http.Client{}, 4711
		err := c.Do(t.Context(), "status", nil, nil, nil)
		if !errors.Is(err, admin.ErrSilent) || !strings.Contains(err.Error(), "does not answer") || !strings.Contains(lake.Hint(err), "kill -CONT 4711") {
			t.Errorf("%s: %v, hint %q", what, err, lake.Hint(err))
		}
	}
}

// An operation that says nothing for long is at work for as long as its process
// says so.
func TestALongOperationWithoutProgressIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := admin.Handler(admin.Ops{"long": func(_ context.Context, _ json.RawMessage, emit func(any)) (any, error) {
			emit("begun")
			time.Sleep(time.Hour)
			return 17, nil
		}}, "", slog.New(slog.DiscardHandler))
		c := admin.Client{Addr: "lake", HTTP: &http.Client{Transport: inMemory{h}}}
		var got int
		slow := func(json.RawMessage) { time.Sleep(time.Hour) } // e.g. a pager that nobody turns
		if err := c.Do(t.Context(), "long", nil, slow, &got); err != nil || got != 17 {
			t.Errorf("%d, %v", got, err)
		}
	})
}

// inMemory asks a handler without a network.
type inMemory struct{ h http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	out, in := io.Pipe()
	go func() { // the pipe's errors are the reader's
		m.h.ServeHTTP(piped{in}, r)
		_ = in.Close()
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: out, Request: r}, nil
}

type piped struct{ *io.PipeWriter }

func (piped) Header() http.Header { return http.Header{} }
func (piped) WriteHeader(int)     {}
func (piped) Flush()              {}

func TestOthersAreRefused(t *testing.T) {
	h := admin.Handler(ops(), "secret", slog.New(slog.DiscardHandler))
	for _, token := range []string{"", "Bearer wrong", "secret"} {
		r := httptest.NewRequest(http.MethodPost, "/admin/add", strings.NewReader("[1]"))
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%q: %d", token, w.Code)
		}
	}
}
