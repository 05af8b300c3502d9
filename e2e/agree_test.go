package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2" // reads raw files as anybody's DuckDB does

	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/testdata"
)

// agreeConfig keeps raw parts apart until compact is called, so that every raw
// file on disk is in use.
const agreeConfig = `sources:
  github:
    event: {id: id, type: type, subtype: payload.action, time: created_at}
raw:
  merge_interval: 1h
curate:
  compact_interval: 1h
`

// tally is what is counted in every representation of the events.
type tally struct {
	rows  map[string]int64 // by event type
	cents int64            // of all payments
}

func (a tally) equal(b tally) bool { return maps.Equal(a.rows, b.rows) && a.cents == b.cents }

// TestEveryReaderCountsTheSame sends real and generated events and compares
// what the generator knows with the raw files, the tables by SQL and the
// tables by another Iceberg implementation, before and after everything that
// moves, merges or repeats events.
func TestEveryReaderCountsTheSame(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lake.yaml"), agreeConfig)
	s := up(t, filepath.Join(dir, "data"), "--config", filepath.Join(dir, "lake.yaml"))
	a := &agreement{server: s, dir: dir, want: tally{rows: map[string]int64{}}}
	a.send()
	a.settle()
	a.check("sent", true)
	a.verify("running")

	must(t, "compact", "--data", s.data, "--full")
	a.check("compacted", false)
	a.verify("compacted")

	a.rebuild()
	a.check("rebuilt", false)
	a.verify("rebuilt")

	before := s.status().Books
	must(t, "replay", "--data", s.data, "--to", "stream")
	after := a.settle().Books
	if after.Unique != before.Unique || after.Duplicate-before.Duplicate != a.events() {
		t.Errorf("a replay to the stream turned %+v into %+v; %d events should be duplicates", before, after, a.events())
	}
	a.check("replayed to the stream", false)
	a.verify("replayed to the stream")

	a.replayFiles()
	if got := a.settle().Books; got.Unique != before.Unique || got.Quarantined != before.Quarantined {
		t.Errorf("a replayed file turned %+v into %+v", before, got)
	}
	a.check("a replayed file sent", false)

	s.stop()
	a.check("stopped", true)
	a.verify("stopped")
}

// agreement is one lake and what it must hold.
type agreement struct {
	*server
	dir     string
	want    tally
	sources map[string][]string // types by source
}

// send sends the real events and the generated ones.
func (a *agreement) send() {
	t := a.t
	t.Helper()
	o := gen.Options{Seed: 7, Events: 20_000, Duplicates: .05, Late: .003, Malformed: .01, Drift: true}
	g := gen.New(o)
	var lines []byte
	for ok := true; ok; {
		if lines, ok = g.Next(lines); ok {
			lines = append(lines, '\n')
		}
	}
	file := filepath.Join(a.dir, "generated.ndjson")
	write(t, file, string(lines))
	must(t, "send", "--url", a.url(""), file)
	truth := g.Truth()
	a.want = tally{rows: truth.ByType, cents: truth.Cents}
	a.sources = map[string][]string{"default": slices.Sorted(maps.Keys(truth.ByType))}

	zipped := filepath.Join(a.dir, "github.ndjson.gz")
	write(t, zipped, string(testdata.GitHub))
	must(t, "send", "--url", a.url(""), "--source", "github", zipped)
	github := githubTypes(t)
	maps.Copy(a.want.rows, github)
	a.sources["github"] = slices.Sorted(maps.Keys(github))

	books := a.settle().Books
	var refused int64
	for _, n := range truth.Malformed {
		refused += n
	}
	if books.Unique != a.events() || books.Duplicate != truth.Duplicates || books.Quarantined != refused {
		t.Errorf("books are %+v; made were %d events, %d copies and %d to refuse", books, a.events(), truth.Duplicates, refused)
	}
}

func githubTypes(t *testing.T) map[string]int64 {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(testdata.GitHub))
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]int64{}
	lines := bufio.NewScanner(zip)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Type string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		types[e.Type]++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return types
}

// events is how many events the lake must hold.
func (a *agreement) events() (n int64) {
	for _, m := range a.want.rows {
		n += m
	}
	return n
}

// check compares all readers. Merged raw files stay beside what they became for
// a while, or until the lake stops; exact says that there are none.
func (a *agreement) check(when string, exact bool) {
	a.t.Helper()
	for reader, got := range map[string]tally{
		"the raw files": a.raw(exact), "lake sql": a.sql(), "PyIceberg": a.pyiceberg(),
	} {
		if got.rows != nil && !got.equal(a.want) {
			a.t.Errorf("%s: %s say %+v, want %+v", when, reader, got, a.want)
		}
	}
}

// rawFiles is what DuckDB reads all raw files with, by the way that
// docs/tables.md shows.
func rawFiles(data, column string) string {
	return fmt.Sprintf(`read_ndjson('%s/raw/**/*.ndjson.gz', hive_partitioning = true, hive_types = {'event_type': varchar},
		columns = {'event_id': 'varchar', %s})`, data, column)
}

// raw counts in the raw files with a DuckDB that knows nothing of the lake.
func (a *agreement) raw(exact bool) tally {
	a.t.Helper()
	count := "count(distinct event_id)"
	if exact {
		count = "count(*)"
	}
	files := rawFiles(a.data, "'amount_cents': 'json'")
	db, err := sql.Open("duckdb", "")
	if err != nil {
		a.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(a.t.Context(), "select event_type, "+count+" from "+files+" group by 1")
	if err != nil {
		a.t.Fatal(err)
	}
	defer rows.Close()
	got := tally{rows: map[string]int64{}}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			a.t.Fatal(err)
		}
		got.rows[name] = n
	}
	if err := rows.Err(); err != nil {
		a.t.Fatal(err)
	}
	sum := "select sum(cents)::bigint from (select any_value(amount_cents)::bigint as cents from " + files + " where event_type = 'payment' group by event_id)"
	if err := db.QueryRowContext(a.t.Context(), sum).Scan(&got.cents); err != nil {
		a.t.Fatal(err)
	}
	return got
}

func (a *agreement) sql() tally {
	a.t.Helper()
	got := tally{rows: map[string]int64{}}
	for _, r := range query(a.t, a.data, "select event_type, count(*) from events group by 1") {
		got.rows[r[0]] = number(a.t, r[1])
	}
	got.cents = number(a.t, query(a.t, a.data, "select sum(amount_cents)::bigint from payment")[0][0])
	return got
}

// pyiceberg counts in the tables through their catalog; LAKE_PYICEBERG is a
// Python that has what local/catalog/testdata/requirements.txt says.
func (a *agreement) pyiceberg() tally {
	a.t.Helper()
	python := os.Getenv("LAKE_PYICEBERG")
	if python == "" {
		a.t.Log("NOT CHECKED with PyIceberg: LAKE_PYICEBERG names no Python that has it")
		return tally{}
	}
	cmd := exec.CommandContext(a.t.Context(), python, filepath.Join("testdata", "read_tables.py"), a.data, "payment", "amount_cents")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		a.t.Fatalf("PyIceberg: %v\n%s", err, errs.String())
	}
	var got struct {
		Rows map[string]int64
		Sum  int64
	}
	if err := json.Unmarshal(out, &got); err != nil {
		a.t.Fatalf("PyIceberg: %v in %s", err, out)
	}
	return tally{got.Rows, got.Sum}
}

func (a *agreement) verify(when string) {
	a.t.Helper()
	verify(a.t, a.data, when)
}

// rebuild makes all tables again; they must be as they were.
func (a *agreement) rebuild() {
	a.t.Helper()
	out := must(a.t, "rebuild", "--data", a.data, "--force")
	same, swapped := strings.Count(out, ": no difference\n"), strings.Count(out, ": swapped, ")
	if tables := len(a.want.rows); same != tables || swapped != tables {
		a.t.Errorf("%d tables: a rebuild said %d times no difference and swapped %d\n%s", tables, same, swapped, out)
	}
}

// replayFiles writes every event into a file a source and sends the files.
func (a *agreement) replayFiles() {
	a.t.Helper()
	var total int64
	for source := range a.sources {
		file := filepath.Join(a.dir, "replay-"+source+".ndjson")
		must(a.t, "replay", "--data", a.data, "--to", file, "--source", source)
		text, err := os.ReadFile(file)
		if err != nil {
			a.t.Fatal(err)
		}
		total += int64(bytes.Count(text, []byte("\n")))
		must(a.t, "send", "--url", a.url(""), "--source", source, file)
	}
	if total != a.events() {
		a.t.Errorf("the replayed files have %d lines, the lake has %d events", total, a.events())
	}
}

// verify demands that the books balance.
func verify(t *testing.T, data, when string) {
	t.Helper()
	if out, errs, exit := run(t, "verify", "--data", data); exit != 0 {
		t.Fatalf("%s: lake verify: exit %d\n%s%s", when, exit, out, errs)
	}
}

// query returns the rows of a statement.
func query(t *testing.T, data, statement string) [][]string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(must(t, "sql", "--data", data, "--format", "csv", statement))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) < 2 {
		t.Fatalf("%s: no rows", statement)
	}
	return records[1:]
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
