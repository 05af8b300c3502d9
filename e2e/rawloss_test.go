package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mergedLake makes a lake with 40 events of one day, whose raw files were merged
// twice: 5 files into one each time, then what came out. It was killed, so nothing
// was swept yet, as a stop does. It returns the directory and the merged files, the last one first.
func mergedLake(t *testing.T) (data string, merged []string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "lake.yaml")
	write(t, config, "stream: {shards: 1}\nraw: {merge_files: 2, merge_interval: 1h}\n")
	s := up(t, filepath.Join(dir, "lake"), "--config", config)
	for n := range 4 {
		for part := range 2 {
			someEvents(t, filepath.Join(dir, "events"), 10*n+5*part, 10*n+5*part+5)
			must(t, "send", "--url", s.url(""), filepath.Join(dir, "events"))
			s.settle()
		}
		must(t, "compact", "--data", s.data)
	}
	s.kill()
	verify(t, s.data, "before anything is lost")
	found, err := filepath.Glob(filepath.Join(s.data, "raw", "*", "*", "*", "*", "*", "merged*"))
	if err != nil || len(found) < 2 {
		t.Fatalf("merged files %v, %v", found, err)
	}
	return s.data, found
}

// TestAMergedFileThatIsLostComesBackFromItsParts loses what raw files were merged
// into, while the parts lie there.
func TestAMergedFileThatIsLostComesBackFromItsParts(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"missing": os.Remove,
		"cut":     func(path string) error { return os.Truncate(path, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, merged := mergedLake(t)
			rows, before := rowsOf(t, data), books(t, data)
			for _, path := range merged {
				must0(t, harm(path))
			}
			out, _, exit := run(t, "doctor", "--data", data)
			if exit != 1 || !strings.Contains(out, "files    DAMAGED") || !strings.Contains(out, "again in the ledger") || !strings.Contains(out, "nothing is lost") {
				t.Errorf("doctor: exit %d\n%s", exit, out)
			}
			must(t, "doctor", "--data", data, "--repair")
			verify(t, data, "repaired")
			if got := rowsOf(t, data); got != rows {
				t.Errorf("rows were %s and are %s", rows, got)
			}
			if got := books(t, data); got != before {
				t.Errorf("the books were %+v and are %+v", before, got)
			}
			must(t, "rebuild", "--data", data, "--force")
			must(t, "compact", "--data", data) // merges the parts again, under the same names
			verify(t, data, "merged again")
			if got := rowsOf(t, data); got != rows {
				t.Errorf("rows were %s and are %s", rows, got)
			}
			must(t, "doctor", "--data", data)
		})
	}
}

// TestRowsThatRawHasLostAreNotDroppedBySilence loses a raw file for good. Its
// rows stay in their table, whatever is rebuilt, until somebody gives them up.
func TestRowsThatRawHasLostAreNotDroppedBySilence(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC()
	s := up(t, filepath.Join(dir, "lake"))
	var all string // young events: those are not compared with what their table has
	for n := range 2 {
		var text strings.Builder
		for i := range 20 {
			fmt.Fprintf(&text, `{"event_uuid":"%d-%d","event_name":"account:opened","created_at":%q}`+"\n", n, i, now.Format(time.RFC3339))
		}
		write(t, filepath.Join(dir, "events"), text.String())
		must(t, "send", "--url", s.url(""), filepath.Join(dir, "events"))
		s.settle()
		all += text.String()
	}
	s.stop()
	data, rows := s.data, rowsOf(t, s.data)
	lost := first(t, filepath.Join(data, "raw", "*", "*", "*", "*", "*", "part-*"))
	must0(t, os.Remove(lost))
	named := filepath.Base(lost)

	refused := func(when string, texts ...string) {
		t.Helper()
		out, errs, exit := run(t, "rebuild", "--data", data, "--type", "account")
		for _, text := range texts {
			if !strings.Contains(errs, text) {
				t.Errorf("%s, the rebuild does not say %q", when, text)
			}
		}
		if got := rowsOf(t, data); exit != 1 || got != rows || t.Failed() {
			t.Fatalf("%s: exit %d, rows were %s and are %s\n%s%s", when, exit, rows, got, out, errs)
		}
	}
	refused("a raw file is gone", named, "lake doctor")
	out, _, exit := run(t, "doctor", "--data", data, "--repair")
	if exit != 1 || !strings.Contains(out, named) || !strings.Contains(out, "none: restore the file from a back-up") {
		t.Errorf("doctor: exit %d\n%s", exit, out)
	}
	if out, _, exit := run(t, "verify", "--data", data); exit != 1 || strings.Count(out, named) != 1 || strings.Count(out, "rows are in no raw file") != 1 {
		t.Errorf("verify: exit %d\n%s", exit, out)
	}
	refused("after a repair", named)

	_, told, exit := run(t, "doctor", "--data", data, "--rebuild-ledger")
	if exit != 0 || !strings.Contains(told, " rows of tables are in no raw file") {
		t.Errorf("rebuild of the ledger: exit %d\n%s", exit, told)
	}
	refused("the ledger does not name it any more", "rows of the table are in no raw file", now.Format(time.DateOnly), "--drop-missing")

	again := filepath.Join(dir, "again") // producers send them once more
	must0(t, os.CopyFS(again, os.DirFS(data)))
	s = up(t, again)
	write(t, filepath.Join(dir, "events"), all)
	must(t, "send", "--url", s.url(""), filepath.Join(dir, "events"))
	s.settle()
	s.stop()
	verify(t, again, "sent again")
	if got := rowsOf(t, again); got != rows {
		t.Errorf("sent again: rows were %s and are %s", rows, got)
	}

	before := must(t, "rebuild", "--data", data, "--dry-run")
	if !strings.Contains(before, "not swapped") {
		t.Errorf("dry run\n%s", before)
	}
	harmAll(t, filepath.Join(data, "tables", "account", "data", "*", "*.parquet"), func(path string) { damage(t, path) })
	if out, errs, exit := run(t, "rebuild", "--data", data, "--type", "account"); exit != 1 || !strings.Contains(errs, "of files that cannot be read") {
		t.Errorf("the table files are damaged too: exit %d\n%s%s", exit, out, errs)
	}
	must(t, "rebuild", "--data", data, "--type", "account", "--drop-missing")
	verify(t, data, "given up")
	if got := rowsOf(t, data); got == rows || !strings.Contains(got, fmt.Sprint(books(t, data).Unique)) {
		t.Errorf("rows are %s", got)
	}
}
