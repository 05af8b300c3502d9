package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// missingConfig makes several files of each shard's log.
const missingConfig = "stream: {shards: 2, segment_size: 64KiB}\n"

// missing are ways in which a part of a stopped lake's stream can be gone.
var missing = []struct {
	name string
	harm func(t *testing.T, data string)
	// unseen: when all was decided it looks like a log that was trimmed.
	unseen bool
	// lossless: what is gone was decided also where the rest was not.
	lossless bool
	// torn: it looks like what a killed process leaves of events that it has not
	// acknowledged.
	torn bool
}{
	{name: "the last segment is emptied", harm: segments(-1, -1, empty)},
	{name: "the last segment is deleted", harm: segments(-1, -1, os.Remove)},
	{name: "the last segment is cut", harm: segments(-1, -1, func(p string) error { return os.Truncate(p, 100) }), torn: true},
	{name: "the last two segments are deleted", harm: segments(-2, -1, os.Remove)},
	{name: "a segment in the middle is emptied", harm: segments(2, 2, empty)},
	{name: "a segment in the middle is deleted", harm: segments(2, 2, os.Remove)},
	{name: "the first segment is emptied", harm: segments(0, 0, empty), lossless: true},
	{name: "the first segment is deleted", harm: segments(0, 0, os.Remove), lossless: true, unseen: true},
	{name: "the first two segments are deleted", harm: segments(0, 1, os.Remove), unseen: true},
	{name: "a shard has no segments", harm: without("stream/shard-000/*.log")},
	{name: "the directory of a shard is deleted", harm: without("stream/shard-000")},
	{name: "no shard has segments", harm: without("stream/shard-*/*.log")},
	{name: "shards and the head are deleted", harm: without("stream/s*")},
}

func empty(path string) error { return os.Truncate(path, 0) }

// segments harms files of the first shard's log, counted from its end when
// below 0.
func segments(from, to int, harm func(path string) error) func(*testing.T, string) {
	return func(t *testing.T, data string) {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(data, "stream", "shard-000", "*.log"))
		if err != nil || len(all) < 5 {
			t.Fatalf("segments %v, %v", all, err)
		}
		for n := from; n <= to; n++ {
			must0(t, harm(all[(n+len(all))%len(all)]))
		}
	}
}

func without(pattern string) func(*testing.T, string) {
	return func(t *testing.T, data string) {
		harmAll(t, filepath.Join(data, filepath.FromSlash(pattern)), func(p string) { must0(t, os.RemoveAll(p)) })
	}
}

// someEvents writes so many events of one table and day to a file.
func someEvents(t *testing.T, file string, from, to int) {
	t.Helper()
	var text strings.Builder
	for i := from; i < to; i++ {
		text.WriteString(event(fmt.Sprint(i), "account:opened", fmt.Sprintf(`"pad":"%0600d"`, i)) + "\n")
	}
	write(t, file, text.String())
}

// TestWhateverOfADecidedStreamIsMissingNothingIsLost takes parts of the stream
// of a lake that has decided all of it and was stopped, and does what the manual
// says: doctor --repair, verify.
func TestWhateverOfADecidedStreamIsMissingNothingIsLost(t *testing.T) {
	dir := t.TempDir()
	config, events := filepath.Join(dir, "lake.yaml"), filepath.Join(dir, "events.ndjson")
	write(t, config, missingConfig)
	someEvents(t, events, 0, 1000)
	s := up(t, filepath.Join(dir, "lake"), "--config", config)
	must(t, "send", "--url", s.url(""), "--batch", "20", events)
	s.settle()
	s.stop()
	rows := rowsOf(t, s.data)
	for _, m := range missing {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "lake")
			must0(t, os.CopyFS(data, os.DirFS(s.data)))
			m.harm(t, data)
			if out, _, exit := run(t, "doctor", "--data", data); (exit == 1) == m.unseen {
				t.Errorf("doctor: exit %d\n%s", exit, out)
			}
			_, told, exit := run(t, "doctor", "--data", data, "--repair")
			if exit != 0 || strings.Contains(told, "are lost") {
				t.Fatalf("repair: exit %d\n%s", exit, told)
			}
			if out := must(t, "verify", "--data", data); strings.Contains(out, "known loss") {
				t.Errorf("verify finds a loss\n%s", out)
			}
			if out := must(t, "status", "--data", data, "--json"); !strings.Contains(out, "\n  \"lag\": 0,") {
				t.Errorf("status\n%s", out)
			}
			must(t, "doctor", "--data", data)
			r := up(t, data, "--config", config)
			must(t, "send", "--url", r.url(""), events)
			if b := r.settle().Books; b.Unique != 1000 || b.Duplicate != 1000 {
				t.Errorf("sent again, the books are %+v", b)
			}
			r.stop()
			verify(t, data, "after it was sent again")
			if got := rowsOf(t, data); got != rows {
				t.Errorf("rows were %s and are %s", rows, got)
			}
		})
	}
}

// TestWhatIsMissingOfAStreamInFlightIsALoss takes the same parts behind a lake
// that was killed with most of its events acknowledged and not ingested.
func TestWhatIsMissingOfAStreamInFlightIsALoss(t *testing.T) {
	dir := t.TempDir()
	config, events := filepath.Join(dir, "lake.yaml"), filepath.Join(dir, "events.ndjson")
	write(t, config, missingConfig)
	someEvents(t, events, 0, 20)
	s := up(t, filepath.Join(dir, "lake"), "--config", config)
	must(t, "send", "--url", s.url(""), "--batch", "5", "--connections", "1", events) // frames enough for a segment that stays
	s.settle()
	s.stop()
	write(t, config, missingConfig+"ingest: {flush_age: 1h}\n")
	s.start()
	someEvents(t, events, 0, 1000)
	must(t, "send", "--url", s.url(""), "--batch", "20", events)
	s.kill()
	write(t, config, missingConfig)
	for _, m := range missing {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "lake")
			must0(t, os.CopyFS(data, os.DirFS(s.data)))
			m.harm(t, data)
			if out, _, exit := run(t, "doctor", "--data", data); (exit == 1) == (m.unseen && m.lossless || m.torn) {
				t.Errorf("doctor: exit %d\n%s", exit, out)
			}
			_, told, exit := run(t, "doctor", "--data", data, "--repair")
			if exit != 0 {
				t.Fatalf("repair: exit %d\n%s", exit, told)
			}
			lost := !m.lossless && !m.torn
			out, _, exit := run(t, "verify", "--data", data)
			if (exit == 1) != lost || lost && (!strings.Contains(out, "known loss") || !strings.Contains(out, "everything else balances")) {
				t.Errorf("verify: exit %d\n%s\nthe repair said\n%s", exit, out, told)
			}
			must(t, "verify", "--data", data, "--accept-known-loss")
			r := up(t, data, "--config", config)
			r.settle()
			must(t, "verify", "--data", data)
			must(t, "send", "--url", r.url(""), events)
			if b := r.settle().Books; b.Unique != 1000 {
				t.Errorf("sent again, the books are %+v", b)
			}
			r.stop()
			if got := rowsOf(t, data); !strings.Contains(got, "1000") {
				t.Errorf("rows: %s", got)
			}
			must(t, "verify", "--data", data)
			must(t, "doctor", "--data", data)
		})
	}
}
