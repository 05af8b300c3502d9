package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/serve/api"
)

func TestErrorsKeepTheirMeaningAndHideWhatIsInternal(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   api.Code
		tells  bool // the message goes to the client
	}{
		{lake.Errorf(lake.ErrInvalid, "do this", "bad thing"), 400, api.CodeInvalid, true},
		{fmt.Errorf("sql: %w", lake.ErrNotFound), 404, api.CodeNotFound, true},
		{lake.ErrStale, 409, api.CodeConflict, true},
		{lake.ErrLimit, 422, api.CodeLimit, true},
		{fmt.Errorf("write /secret: %w", lake.ErrFull), 503, api.CodeFull, false},
		{fmt.Errorf("write /secret: %w", lake.ErrClosed), 503, api.CodeClosed, false},
		{context.Canceled, 503, api.CodeClosed, false},
		{errors.New("open /secret: permission denied"), 500, api.CodeInternal, false},
		{fmt.Errorf("around: %w", &api.Error{Status: 418, Code: "teapot", Message: "<no & coffee>", RetryAfter: 1500 * time.Millisecond}), 418, "teapot", false},
	} {
		w := httptest.NewRecorder()
		api.Fail(w, httptest.NewRequest("GET", "/", nil), c.err)
		var got struct {
			Error struct {
				Code      api.Code
				Message   string
				Hint      string
				RequestID string `json:"request_id"`
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || got.Error.Code != c.code || got.Error.RequestID != w.Header().Get(api.HeaderRequestID) {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		if tells := got.Error.Message == c.err.Error(); tells != c.tells || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%v: message %q", c.err, got.Error.Message)
		}
		if c.status == 418 && (w.Header().Get("Retry-After") != "2" || !strings.Contains(w.Body.String(), "<no & coffee>")) {
			t.Errorf("Retry-After %q, body %s", w.Header().Get("Retry-After"), w.Body)
		}
	}
}

func TestGuardLetsThroughWhoMay(t *testing.T) {
	auth := api.Authenticator(func(secret string) (api.Caller, error) {
		switch role := api.Role(secret); role {
		case api.Write, api.Read, api.Admin:
			return api.Caller{Key: "k", Source: "web", Role: role}, nil
		}
		return api.Caller{}, lake.Errorf(lake.ErrInvalid, "", "unknown key")
	})
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Role", string(api.CallerOf(r.Context()).Role))
	})
	for _, c := range []struct {
		guard  http.Handler
		header string
		status int
	}{
		{auth.Guard(next, api.Read), "Bearer read", 200},
		{auth.Guard(next, api.Read), "Bearer admin", 200},
		{auth.Guard(next, api.Read, api.Write), "Bearer write", 200},
		{auth.Guard(next, api.Read), "Bearer write", 403},
		{auth.Guard(next, api.Read), "Bearer other", 401},
		{auth.Guard(next, api.Read), "Digest read", 401},
		{auth.Guard(next, api.Read), "", 401},
		{api.Authenticator(nil).Guard(next, api.Read), "", 200},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", c.header)
		w := httptest.NewRecorder()
		c.guard.ServeHTTP(w, r)
		if w.Code != c.status || (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%q: %d, WWW-Authenticate %q", c.header, w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
}
