package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// twoSources runs a lake that has an event 1 of two sources.
func twoSources(t *testing.T) *server {
	t.Helper()
	s := up(t, filepath.Join(t.TempDir(), "lake"))
	for _, source := range []string{"shop", "web"} {
		line := []byte(event("1", "account:opened", `"of":"`+source+`"`) + "\n")
		if out, errs, exit := runIn(t, "", line, "send", "--url", s.url(""), "--source", source, "-"); exit != 0 {
			t.Fatalf("exit %d\n%s%s", exit, out, errs)
		}
	}
	s.settle()
	return s
}

func TestARefusedReplayLeavesAnOlderFileAsItIs(t *testing.T) {
	s := twoSources(t)
	file := filepath.Join(t.TempDir(), "old.ndjson")
	write(t, file, "it is still there\n")
	if _, errs, exit := run(t, "replay", "--data", s.data, "--to", file); exit != 1 || !strings.Contains(errs, "shop, web") {
		t.Errorf("exit %d\n%s", exit, errs)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "it is still there\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	must(t, "replay", "--data", s.data, "--to", file, "--source", "web", "--from", "2030-01-01")
	if text, err := os.ReadFile(file); err != nil || len(text) != 0 {
		t.Errorf("a replay of no events leaves %q, %v", text, err)
	}
}

// TestAReplayToAnotherLakeKeepsTheSources also where that lake asks for keys: an
// admin key sends for every source, a write key only for its own.
func TestAReplayToAnotherLakeKeepsTheSources(t *testing.T) {
	from := twoSources(t)
	data := filepath.Join(t.TempDir(), "other")
	admin := strings.TrimSpace(must(t, "keys", "create", "--data", data, "--role", "admin"))
	shop := strings.TrimSpace(must(t, "keys", "create", "--data", data, "--source", "shop"))
	config := filepath.Join(t.TempDir(), "lake.yaml")
	write(t, config, "keys: {required: on}\n")
	to := up(t, data, "--config", config)

	if _, errs, exit := run(t, "replay", "--data", from.data, "--to", to.url(""), "--key", shop); exit != 1 || !strings.Contains(errs, "web") {
		t.Errorf("a write key of another source: exit %d\n%s", exit, errs)
	}
	must(t, "replay", "--data", from.data, "--to", to.url(""), "--key", shop, "--source", "shop")
	must(t, "replay", "--data", from.data, "--to", to.url(""), "--key", admin)
	if st := to.settle(); st.Books.Unique != 2 || st.Books.Quarantined != 0 {
		t.Errorf("two events under one id, of two sources, became %+v", st.Books)
	}
	of := func(s *server) string {
		return must(t, "sql", "--data", s.data, "--format", "csv", "select event_id, source, of from account order by of")
	}
	if a, b := of(from), of(to); a != b {
		t.Errorf("%s became\n%s", a, b)
	}
}
