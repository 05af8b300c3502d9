package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metricNames finds the lake's own metrics in a text.
func metricNames(text string) []string {
	names := regexp.MustCompile(`\blake_[a-z_]+\b`).FindAllString(text, -1)
	slices.Sort(names)
	return slices.Compact(names)
}

func scrape(t *testing.T, s *server) string {
	t.Helper()
	resp, err := http.Get(s.url("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v\n%s", resp.Status, err, text)
	}
	return string(text)
}

// exposed are the families of a scrape.
func exposed(text string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (lake_\S+) `).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// TestEveryMetricIsDocumentedAndEveryDocumentedOneExists makes every kind of
// thing happen that is counted, and compares a scrape with docs/operating.md.
func TestEveryMetricIsDocumentedAndEveryDocumentedOneExists(t *testing.T) {
	config := filepath.Join(t.TempDir(), "lake.yaml")
	write(t, config, "curate: {compact_interval: 1s, compact_files: 2}\nraw: {merge_interval: 1s}\n")
	s := up(t, filepath.Join(t.TempDir(), "lake"), "--config", config)
	for _, line := range []string{event("1", "a:b", `"x":1`), event("2", "a:b", `"x":"text"`), event("2", "a:b", `"x":"other"`), "{"} {
		if _, errs, exit := runIn(t, "", []byte(line+"\n"), "send", "--url", s.url(""), "-"); exit != 0 {
			t.Fatalf("exit %d\n%s", exit, errs)
		}
		s.settle() // a table file each
	}
	must(t, "tail", "--data", s.data, "--consumer", "index")

	doc, err := os.ReadFile(filepath.Join(repositoryRoot(t), "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := metricNames(string(doc))
	// One needs an id to be forgotten first, the other a file of the stream to be trimmed.
	rare := []string{"lake_curate_late_duplicates_total", "lake_stream_oldest_timestamp_seconds"}
	var missing []string
	defer func() {
		if len(missing) > 0 {
			t.Errorf("docs/operating.md has %v, which the lake has not", missing)
		}
	}()
	s.await("exposing every metric", func() bool { // compaction comes by itself
		missing = nil
		names := exposed(scrape(t, s))
		for _, name := range documented {
			if !slices.Contains(names, name) && !slices.Contains(rare, name) {
				missing = append(missing, name)
			}
		}
		return len(missing) == 0
	})
	for _, name := range exposed(scrape(t, s)) {
		if !slices.Contains(documented, name) {
			t.Errorf("%s is not in docs/operating.md", name)
		}
	}
	for _, want := range []string{
		`lake_ingest_events_total{verdict="unique"} 2`, `lake_ingest_events_total{verdict="id_conflict"} 1`, `lake_ingest_events_total{verdict="refused"} 1`,
		"lake_curate_lag_events 0", `lake_consumer_lag_events{consumer="index"} 0`, "process_resident_memory_bytes ", "go_goroutines ",
	} {
		if text := scrape(t, s); !strings.Contains(text, "\n"+want) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
}
