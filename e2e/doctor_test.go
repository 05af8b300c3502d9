package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stopped makes a lake with 2,000 events, 200 of them twice and some broken
// ones, and stops it. It returns the directory and a file with the events.
func stopped(t *testing.T) (data, events string) {
	t.Helper()
	data, events = filepath.Join(t.TempDir(), "lake"), filepath.Join(t.TempDir(), "events.ndjson")
	text := must(t, "gen", "--events", "2000", "--seed", "7", "--malformed", "0")
	if err := os.WriteFile(events, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(text, "\n")
	again := strings.Join(lines[:200], "") + "{\"event_uuid\":\"broken-1\"}\n{\"event_uuid\":\"broken-2\",\"event_name\":\"a\"}\n"
	s := up(t, data)
	for _, in := range []string{text, again} {
		if out, errs, exit := runIn(t, "", []byte(in), "send", "--data", data, "--url", s.url(""), "-"); exit != 0 {
			t.Fatalf("send: exit %d\n%s%s", exit, out, errs)
		}
	}
	s.settle()
	s.stop()
	return data, events
}

// books are the sums that lake status shows.
func books(t *testing.T, data string) (b struct{ Unique, Duplicate, Quarantined int64 }) {
	t.Helper()
	var st struct {
		Books *struct{ Unique, Duplicate, Quarantined int64 }
	}
	st.Books = &b
	if err := json.Unmarshal([]byte(must(t, "status", "--json", "--data", data)), &st); err != nil {
		t.Fatal(err)
	}
	return b
}

// lag is how many records of the stream are not decided.
func lag(t *testing.T, data string) int64 {
	t.Helper()
	return (&server{t: t, data: data}).status().Lag
}

func rowsOf(t *testing.T, data string) string {
	t.Helper()
	return must(t, "sql", "--data", data, "--json", "select count(*), count(distinct event_id) from events")
}

// damage overwrites a few bytes in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) / 2; i < min(len(b)/2+64, len(b)); i++ {
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func first(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: nothing found (%v)", pattern, err)
	}
	return found[0]
}

// harmAll does something to every file of a pattern.
func harmAll(t *testing.T, pattern string, harm func(path string)) {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: nothing found (%v)", pattern, err)
	}
	for _, path := range found {
		harm(path)
	}
}

func must0(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDoctorMendsWhatIsDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(t *testing.T, data string)
		part string   // that doctor names; empty when it cannot see anything
		with []string // flags of the repair
	}{
		"nothing, but the ledger is made anew": {func(*testing.T, string) {}, "", []string{"--rebuild-ledger"}},
		"the ledger is deleted": {func(t *testing.T, data string) {
			if err := os.RemoveAll(filepath.Join(data, "ledger")); err != nil {
				t.Fatal(err)
			}
		}, "ledger", []string{"--repair"}},
		"the ledger's log is damaged": {func(t *testing.T, data string) {
			damage(t, first(t, filepath.Join(data, "ledger", "log-*")))
		}, "ledger", []string{"--repair"}},
		"the table catalog is damaged": {func(t *testing.T, data string) {
			if err := os.WriteFile(filepath.Join(data, "tables", "catalog.db"), []byte("no database at all, but long enough to be one"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "catalog", []string{"--repair"}},
		"the table catalog is deleted": {func(t *testing.T, data string) {
			for _, f := range []string{"catalog.db", "catalog.db-wal", "catalog.db-shm"} {
				if err := os.RemoveAll(filepath.Join(data, "tables", f)); err != nil {
					t.Fatal(err)
				}
			}
		}, "catalog", []string{"--repair"}},
		"catalog and ledger are deleted": {func(t *testing.T, data string) {
			for _, f := range []string{"tables/catalog.db", "tables/catalog.db-wal", "tables/catalog.db-shm", "ledger"} {
				if err := os.RemoveAll(filepath.Join(data, filepath.FromSlash(f))); err != nil {
					t.Fatal(err)
				}
			}
		}, "catalog", []string{"--repair"}},
		"a table's metadata is damaged": {func(t *testing.T, data string) {
			damage(t, filepath.Join(data, "tables", "account", "metadata", currentMetadata(t, data)))
		}, "catalog", []string{"--repair"}},
		"all manifests of a table are damaged": {func(t *testing.T, data string) {
			harmAll(t, filepath.Join(data, "tables", "lesson", "metadata", "*-m*.avro"), func(p string) { damage(t, p) })
		}, "catalog", []string{"--repair"}},
		"the manifest lists of a table are deleted, and catalog.db": {func(t *testing.T, data string) {
			harmAll(t, filepath.Join(data, "tables", "lesson", "metadata", "snap-*.avro"), func(p string) { must0(t, os.Remove(p)) })
			must0(t, os.Remove(filepath.Join(data, "tables", "catalog.db")))
		}, "catalog", []string{"--repair"}},
		"a table is deleted": {func(t *testing.T, data string) {
			must0(t, os.RemoveAll(filepath.Join(data, "tables", "payment")))
		}, "catalog", []string{"--repair"}},
		"the stream's meta file is deleted": {func(t *testing.T, data string) {
			if err := os.Remove(filepath.Join(data, "stream", "stream.json")); err != nil {
				t.Fatal(err)
			}
		}, "stream", []string{"--repair"}},
		"a segment of the stream is damaged": {func(t *testing.T, data string) {
			damage(t, first(t, filepath.Join(data, "stream", "shard-000", "*.log")))
		}, "stream", []string{"--repair"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, events := stopped(t)
			if out, _, exit := run(t, "doctor", "--data", data); exit != 0 {
				t.Fatalf("a whole lake: exit %d\n%s", exit, out)
			}
			before, rows := books(t, data), rowsOf(t, data)
			c.harm(t, data)
			out, errs, exit := run(t, "doctor", "--data", data)
			if c.part == "" && exit != 0 || c.part != "" && (exit != 1 || !strings.Contains(out, c.part+strings.Repeat(" ", 9-len(c.part))+"DAMAGED")) {
				t.Fatalf("doctor: exit %d\n%s%s", exit, out, errs)
			}
			out = must(t, append([]string{"doctor", "--data", data}, c.with...)...)
			// A new ledger may leave the last records to be read again by the lake.
			if got := books(t, data); got != before && lag(t, data) == 0 {
				t.Errorf("the books were %+v and are %+v\n%s", before, got, out)
			}
			out = must(t, "verify", "--data", data)
			if got := rowsOf(t, data); got != rows {
				t.Errorf("rows were %s and are %s", rows, got)
			}
			s := up(t, data)
			s.settle()
			if got := books(t, data); got != before {
				t.Errorf("the books were %+v and are %+v when all is read\n%s", before, got, out)
			}
			must(t, "send", "--data", data, "--url", s.url(""), events)
			s.settle()
			s.stop()
			after := books(t, data)
			if after.Unique != before.Unique || after.Quarantined != before.Quarantined || after.Duplicate != before.Duplicate+2000 {
				t.Errorf("after sending again: %+v, before %+v\n%s", after, before, out)
			}
			must(t, "verify", "--data", data)
			must(t, "doctor", "--data", data)
		})
	}
}

func TestDoctorLeavesARunningLakeAlone(t *testing.T) {
	data := filepath.Join(t.TempDir(), "lake")
	up(t, data)
	if out, errs, exit := run(t, "doctor", "--data", data); exit != 3 || !strings.Contains(errs, "in use") {
		t.Errorf("exit %d\n%s%s", exit, out, errs)
	}
}

func TestALakeWithoutItsLedgerDoesNotStart(t *testing.T) {
	data, _ := stopped(t)
	if err := os.RemoveAll(filepath.Join(data, "ledger")); err != nil {
		t.Fatal(err)
	}
	if out, errs, exit := run(t, "status", "--data", data); exit != 1 || !strings.Contains(errs, "lake doctor") {
		t.Errorf("exit %d\n%s%s", exit, out, errs)
	}
}

// TestTablesOfAnOlderBackUpTakeInWhatTheyMiss puts an older copy of tables/ back:
// the ledger marks events as taken in that these tables do not have.
func TestTablesOfAnOlderBackUpTakeInWhatTheyMiss(t *testing.T) {
	data, _ := stopped(t)
	older := filepath.Join(t.TempDir(), "tables")
	must0(t, os.CopyFS(older, os.DirFS(filepath.Join(data, "tables"))))
	s := up(t, data)
	if out, errs, exit := runIn(t, "", []byte(must(t, "gen", "--events", "1000", "--seed", "8")), "send", "--data", data, "--url", s.url(""), "-"); exit != 0 {
		t.Fatalf("send: exit %d\n%s%s", exit, out, errs)
	}
	s.settle()
	s.stop()
	before, rows := books(t, data), rowsOf(t, data)
	must0(t, os.RemoveAll(filepath.Join(data, "tables")))
	must0(t, os.CopyFS(filepath.Join(data, "tables"), os.DirFS(older)))

	if out, errs, exit := run(t, "status", "--data", data); exit != 1 || !strings.Contains(errs, "lake doctor") {
		t.Errorf("status: exit %d\n%s%s", exit, out, errs)
	}
	if out, _, exit := run(t, "doctor", "--data", data); exit != 1 || !strings.Contains(out, "that it had taken in once") {
		t.Errorf("doctor: exit %d\n%s", exit, out)
	}
	must(t, "doctor", "--data", data, "--repair")
	verify(t, data, "repaired")
	if got := books(t, data); got != before {
		t.Errorf("the books were %+v and are %+v", before, got)
	}
	if got := rowsOf(t, data); got != rows {
		t.Errorf("rows were %s and are %s", rows, got)
	}
}
