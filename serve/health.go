package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventlake/lake"
)

// ready answers /readyz: the checks of all parts, by name.
type ready struct {
	checks   map[string]func(context.Context) error
	draining atomic.Bool
}

// condition is what one part says about itself.
type condition struct {
	Ready bool   `json:"ready"`
	Why   string `json:"why,omitempty"`  // not ready
	Hint  string `json:"hint,omitempty"` // what to do about it
}

const checkTime = 2 * time.Second

// ServeHTTP implements http.Handler: 200 when every part is ready, else 503.
func (h *ready) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTime)
	defer cancel()
	answer := struct {
		Ready  bool                 `json:"ready"`
		Checks map[string]condition `json:"checks"`
	}{true, h.ask(ctx)}
	if h.draining.Load() {
		answer.Checks["server"] = condition{Why: "the lake is stopping"}
	}
	for _, c := range answer.Checks {
		answer.Ready = answer.Ready && c.Ready
	}
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// Who asked and went away does not need the answer.
	_ = json.NewEncoder(w).Encode(answer)
}

// ask runs the checks at the same time; one that takes too long is not ready.
func (h *ready) ask(ctx context.Context) map[string]condition {
	var mu sync.Mutex
	out := make(map[string]condition, len(h.checks)+1)
	for name := range h.checks {
		out[name] = condition{Why: "no answer in time"}
	}
	done := make(chan struct{}, len(h.checks))
	for name, check := range h.checks {
		go func() {
			err := check(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				out[name] = condition{Ready: true}
			} else {
				out[name] = condition{Why: err.Error(), Hint: lake.Hint(err)}
			}
			done <- struct{}{}
		}()
	}
	for range h.checks {
		select {
		case <-done:
		case <-ctx.Done():
			mu.Lock()
			defer mu.Unlock()
			late := make(map[string]condition, len(out)+1) // the checks may still write to out
			for name, c := range out {
				late[name] = c
			}
			return late
		}
	}
	return out
}

// alive answers /healthz: whoever can answer at all is alive.
func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	// Who asked and went away does not need the answer.
	_, _ = w.Write([]byte("ok\n"))
}
