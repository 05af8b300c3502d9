package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestACopyWorksWithoutItsOriginal restores a lake elsewhere, as
// docs/operating.md says, and takes the original away.
func TestACopyWorksWithoutItsOriginal(t *testing.T) {
	original, events := stopped(t)
	rows, sums := rowsOf(t, original), books(t, original)
	data := filepath.Join(t.TempDir(), "restored")
	if err := os.CopyFS(data, os.DirFS(original)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(original, original+".away"); err != nil {
		t.Fatal(err)
	}

	// The lake itself works at once.
	same := func(when string) {
		t.Helper()
		verify(t, data, when)
		if got := rowsOf(t, data); got != rows {
			t.Errorf("%s: rows were %s and are %s", when, rows, got)
		}
	}
	same("copied")
	if got := books(t, data); got != sums {
		t.Errorf("the books were %+v and are %+v", sums, got)
	}

	// Others would look for the files where they were; who asks is told.
	out := must(t, "doctor", "--data", data)
	if !strings.Contains(out, "tables say that they lie elsewhere (file://"+original) || !strings.Contains(out, "repair: write the directory's place") {
		t.Errorf("doctor does not say that the tables lie elsewhere:\n%s", out)
	}
	const warning = "the data directory was moved or copied"
	s := up(t, data)
	must(t, "send", "--data", data, "--url", s.url(""), events)
	s.settle()
	s.stop()
	if !strings.Contains(s.log.String(), warning) || !strings.Contains(s.log.String(), "lake doctor --repair") {
		t.Errorf("lake up does not warn:\n%s", s.log)
	}
	same("after the same events again")

	must(t, "doctor", "--data", data, "--repair")
	if out := must(t, "doctor", "--data", data); strings.Contains(out, "elsewhere") || strings.Contains(out, "repair:") {
		t.Errorf("doctor after the repair:\n%s", out)
	}
	same("relocated")
	namesOnly(t, data)
	s.start()
	s.settle()
	s.stop()
	if strings.Contains(s.log.String(), warning) {
		t.Errorf("lake up warns still:\n%s", s.log)
	}
	if got := (&agreement{server: s}).pyiceberg(); got.rows != nil {
		var sum int64
		for _, n := range got.rows {
			sum += n
		}
		if want := sums.Unique; sum != want {
			t.Errorf("PyIceberg reads %d rows of %d", sum, want)
		}
	}
}

// namesOnly checks that the newest metadata of every table names its own place
// and that what it leads to is there.
func namesOnly(t *testing.T, data string) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(data, "tables", "*", "metadata"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%v, %v", tables, err)
	}
	for _, dir := range tables {
		found, err := filepath.Glob(filepath.Join(dir, "*.metadata.json"))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", dir, found, err)
		}
		text, err := os.ReadFile(found[len(found)-1])
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Location  string `json:"location"`
			Snapshots []struct {
				List string `json:"manifest-list"`
			} `json:"snapshots"`
		}
		if err := json.Unmarshal(text, &m); err != nil || len(m.Snapshots) == 0 {
			t.Fatalf("%s: %v", found, err)
		}
		named := []string{m.Location}
		for _, s := range m.Snapshots {
			named = append(named, s.List)
		}
		for _, uri := range named {
			path, ok := strings.CutPrefix(uri, "file://"+data)
			if _, err := os.Stat(filepath.Join(data, path)); !ok || err != nil {
				t.Errorf("%s names %s: %v", found[len(found)-1], uri, err)
			}
		}
	}
}
