package query_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventlake/lake/query"
)

func TestValueAndAnswerHaveABound(t *testing.T) {
	e, _ := lakeOf(t)
	srv := httptest.NewServer(query.Handler(query.Direct(e, query.Bounds{Value: 1000, Answer: 3000}), query.Limits{}, nil, nil))
	defer srv.Close()
	for _, c := range []struct {
		sql    string
		status int
		says   string
	}{
		{"SELECT repeat('x', 1000) AS s", 200, `"truncated":false`},
		{"SELECT repeat('x', 1001) AS s", 422, "column \\\"s\\\" has 1001 bytes"},
		{"SELECT [repeat('x', 500), repeat('y', 500)] AS l", 422, "limit_exceeded"},
		{"SELECT {'a': repeat('x', 1001)} AS l", 422, "limit_exceeded"},
		{"SELECT repeat('x', 1001)::BLOB AS l", 422, "limit_exceeded"},
		{"SELECT repeat('x', 1000) AS a, a AS b, a AS c, a AS d", 422, "one row is larger"},
		{"SELECT repeat('x', 1000) AS s FROM range(10)", 200, `"row_count":3,"truncated":true`},
	} {
		for _, format := range []string{"json", "csv", "ndjson", "table"} {
			res, body, err := post(t, t.Context(), srv.URL, fmt.Sprintf(`{"sql": %q, "format": %q}`, c.sql, format))
			if err != nil || res.StatusCode != c.status || (format == "json" || c.status != http.StatusOK) && !strings.Contains(body, c.says) {
				t.Errorf("%s as %s: %v %.300s %v", c.sql, format, res, body, err)
			}
			if strings.Contains(c.says, `truncated":true`) && format == "csv" && (res.Trailer.Get("X-Lake-Truncated") != "true" || res.Trailer.Get("X-Lake-Row-Count") != "3") {
				t.Errorf("%s: trailer %v", c.sql, res.Trailer)
			}
		}
	}
}
