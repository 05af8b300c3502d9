package query_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eventlake/lake/query"
)

func TestTableFitsTheTerminal(t *testing.T) {
	e, _ := lakeOf(t)
	for _, sql := range []string{
		"SELECT repeat('long ', 100) AS a, 'short' AS b, 1 AS n",
		"SELECT repeat('w', 100) AS a, repeat('x', 200) AS b, repeat('漢', 50) AS c",
		"SELECT * FROM payment",
		"SELECT * FROM payment a, payment b LIMIT 2",
	} {
		for _, width := range []int{40, 80, 120, 200} {
			rows, err := e.Query(t.Context(), sql)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if _, _, err := query.Write(&out, rows, query.Table, query.Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if w := cells(strings.TrimRight(line, "\n")); w > width {
					t.Errorf("%s at width %d: a line of %d columns:\n%s", sql, width, w, line)
				}
			}
		}
	}
}

// cells is how many columns of a terminal s takes.
func cells(s string) (n int) {
	for _, r := range s {
		if n++; r >= 0x1100 && r != '…' && (r < 0x2500 || r > 0x257f) {
			n++
		}
	}
	return n
}

func TestLimitIsExact(t *testing.T) {
	e, _ := lakeOf(t)
	for _, c := range []struct {
		limit, want int64
		more        bool
	}{{1, 1, true}, {3, 3, false}, {4, 3, false}, {0, 3, false}} {
		for _, f := range query.Formats() {
			rows, err := query.Run(t.Context(), e, c.limit, "SELECT n FROM payment")
			if err != nil {
				t.Fatal(err)
			}
			n, more, err := query.Write(&strings.Builder{}, rows, f, query.Options{Limit: c.limit})
			if err != nil || n != c.want || more != c.more {
				t.Errorf("%s, limit %d: %d rows, more %v, %v", f, c.limit, n, more, err)
			}
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestUnknownFormatIsInvalid(t *testing.T) {
	if _, err := query.ParseFormat("xml"); fmt.Sprint(err) != `format "xml": invalid` {
		t.Error(err)
	}
}
