package serve

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/eventlake/lake/serve/api"
)

// landing answers "/": what this is, how to send a first event, and the routes.
// Other paths that nobody serves are 404.
type landing struct{ routes []string }

func newLanding(routes map[string]http.Handler) landing {
	return landing{slices.DeleteFunc(slices.Sorted(maps.Keys(routes)), func(p string) bool { return p == "/v1/events" })}
}

// known says in a few words what a route is for.
func known(pattern string) (line string, ok bool) {
	if pattern == "/v1/sql" {
		return "POST /v1/sql      a statement that reads; the answer as JSON, CSV, NDJSON or a table", true
	}
	return "", false
}

// ServeHTTP implements http.Handler.
func (l landing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		api.Fail(w, r, &api.Error{Status: http.StatusNotFound, Code: api.CodeNotFound, Message: "there is nothing at this path", Hint: "GET / lists what there is"})
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		api.RefuseMethod(w, r, http.MethodGet, http.MethodHead)
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	base := scheme + "://" + r.Host
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// Who asked and went away does not need the answer.
	_, _ = fmt.Fprintf(w, `Eventlake: events in, tables out, each event exactly once.

Send a first event:

  curl %[1]s/v1/events -H 'Content-Type: application/json' \
    -d '{"event_uuid":"hello-1","event_name":"demo:hello","created_at":"'$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)'"}'

and find it a few seconds later:

  lake sql "select * from demo"

  POST /v1/events   one event, an array, or NDJSON; gzip or zstd; 202 when it is stored
  GET  /healthz     is the process alive
  GET  /readyz      can it take events, and if not, why
  GET  /metrics     for Prometheus
`, base)
	for _, pattern := range l.routes {
		line, ok := known(pattern)
		if !ok {
			line = "     " + pattern
		}
		_, _ = fmt.Fprintf(w, "  %s\n", line) // as above
	}
}
