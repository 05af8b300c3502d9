package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
