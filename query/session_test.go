package query_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/eventlake/lake/query"
)

// TestSession runs the scripts of testdata/session.txt, each in a session of
// its own that reads from a pipe.
func TestSession(t *testing.T) {
	e, tables := lakeOf(t)
	bytes := regexp.MustCompile(`│ +[0-9]{4,} │`)
	dir := t.TempDir()
	dialogue(t, "session.txt", func(script string) string {
		var out strings.Builder
		err := query.REPL(t.Context(), e, tables, strings.NewReader(strings.ReplaceAll(script, "DIR", dir)), &out, query.SessionOptions{Rows: 3})
		answer := strings.ReplaceAll(out.String(), dir, "DIR")
		if err != nil {
			answer += "=> " + err.Error()
		}
		return bytes.ReplaceAllString(answer, "│ (bytes) │")
	})
}

func TestSessionWritesParquetThatReadsBack(t *testing.T) {
	e, tables := lakeOf(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "x.parquet")
	var out strings.Builder
	script := ".mode parquet " + path + "\nSELECT * FROM payment;\n.mode parquet " + path + "\nSELECT 1;\n.mode parquet " + filepath.Join(dir, "y.parquet") + "\nSELECT nope;"
	err := query.REPL(t.Context(), e, tables, strings.NewReader(script), &out, query.SessionOptions{})
	if err == nil || !strings.Contains(out.String(), "3 rows written to "+path) || !strings.Contains(out.String(), "already exists") {
		t.Errorf("got %v, %s", err, &out)
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(data), "PAR1") {
		t.Errorf("no parquet: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}
