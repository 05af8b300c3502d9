package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lostBeforeIngest makes a lake that has acknowledged 300 events in 30 requests
// and ingested none of them, and takes some away by damage. It returns the
// stopped lake, repaired, and a file with the events.
func lostBeforeIngest(t *testing.T) (s *server, events, told string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "lake.yaml")
	write(t, config, "stream: {shards: 1}\ningest: {flush_age: 1h}\n")
	s = up(t, filepath.Join(t.TempDir(), "lake"), "--config", config)
	var text strings.Builder
	for i := range 300 {
		text.WriteString(event(fmt.Sprint(i), "account:opened", `"n":`+fmt.Sprint(i)) + "\n")
	}
	events = filepath.Join(t.TempDir(), "events.ndjson")
	write(t, events, text.String())
	must(t, "send", "--url", s.url(""), "--batch", "10", "--connections", "1", events)
	s.kill()
	damage(t, first(t, filepath.Join(s.data, "stream", "shard-000", "*.log")))
	if out, _, exit := run(t, "doctor", "--data", s.data); exit != 1 || !strings.Contains(out, "stream   DAMAGED") {
		t.Fatalf("doctor: exit %d\n%s", exit, out)
	}
	_, told, exit := run(t, "doctor", "--repair", "--data", s.data)
	if exit != 0 {
		t.Fatalf("repair: exit %d\n%s", exit, told)
	}
	write(t, config, "stream: {shards: 1}\n")
	return s, events, told
}

func TestALossIsRecordedSaidAndAcceptedOnce(t *testing.T) {
	s, events, told := lostBeforeIngest(t)
	if !strings.Contains(told, "these events are lost unless they are sent again") {
		t.Errorf("the repair says\n%s", told)
	}
	s.start()
	unique := s.settle().Books.Unique
	lost := 300 - unique
	if lost == 0 || lost == 300 {
		t.Fatalf("%d of 300 events were lost; the test needs some", lost)
	}
	says := func(want int, texts ...string) {
		t.Helper()
		out, errs, exit := run(t, "verify", "--data", s.data)
		for _, text := range append(texts, fmt.Sprintf("known loss %18d   records at shard-000 (", lost)) {
			if !strings.Contains(out, text) {
				t.Errorf("%q is not said", text)
			}
		}
		if exit != want || t.Failed() {
			t.Errorf("exit %d, want %d\n%s%s", exit, want, out, errs)
		}
	}
	says(1, "not accepted", "lake verify --accept-known-loss")
	if text := scrape(t, s); !strings.Contains(text, fmt.Sprintf("\nlake_stream_lost_events_total{shard=\"shard-000\"} %d\n", lost)) {
		t.Error("the metrics do not have it")
	}
	must(t, "verify", "--data", s.data, "--accept-known-loss")
	says(0, "accepted 20", "beyond the known loss nothing is lost")

	must(t, "send", "--url", s.url(""), events)
	if b := s.settle().Books; b.Unique != 300 || b.Duplicate != unique {
		t.Errorf("sent again, the books are %+v", b)
	}
	says(0, "beyond the known loss nothing is lost")
	s.stop()
	must(t, "doctor", "--rebuild-ledger", "--data", s.data)
	s.start() // what the new ledger has not decided is read again
	s.settle()
	s.stop()
	if b := books(t, s.data); b.Unique != 300 || b.Duplicate != unique {
		t.Errorf("the ledger was made again, the books are %+v", b)
	}
	says(0, "beyond the known loss nothing is lost")
}

// TestALossIsRecordedByTheNextStartToo: a repair may be stopped behind its
// first step, and ingest must not pass over what nobody has recorded.
func TestALossIsRecordedByTheNextStartToo(t *testing.T) {
	s, _, _ := lostBeforeIngest(t)
	file := filepath.Join(s.data, "losses.json")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.settle()
	s.stop()
	if !strings.Contains(s.log.String(), "events are lost") {
		t.Errorf("it says nothing: %s", s.log)
	}
	after, err := os.ReadFile(file)
	if err != nil || len(after) != len(before) {
		t.Errorf("%v, %s became %s", err, before, after)
	}
	if out, _, exit := run(t, "verify", "--data", s.data); exit != 1 || !strings.Contains(out, "everything else balances") {
		t.Errorf("exit %d\n%s", exit, out)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(after), "shard-000", "shard-001", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, exit := run(t, "verify", "--data", s.data); exit != 1 || !strings.Contains(errs, "losses.json") {
		t.Errorf("a file that was changed: exit %d\n%s", exit, errs)
	}
}
