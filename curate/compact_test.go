package curate_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/curate/parquetfile"
)

func TestCompactionKeepsEveryValue(t *testing.T) {
	r := newRig(t)
	rng := rand.New(rand.NewPCG(7, 8))
	for b := range 12 { // the schema grows inside structs and lists too
		var list []string
		for i := range 50 {
			n := b*50 + i
			list = append(list, fmt.Sprintf(`{"n":%d,"s":"v%d","o":{"a":%d,"b%d":[%d,null]},"l":[{"x":%d,"y%d":"z"},null,{}],"c%d":%t}`,
				n, n%5, n, b%4, n, n, b%3, b%6, n%2 == 0))
		}
		events := bodies(list...)
		for i := range events {
			events[i].created = start.Add(time.Duration(rng.IntN(3600)) * time.Second)
		}
		r.span(events...)
		r.once()
	}
	before := r.table("order")
	rows := r.rows(before)
	cur := r.curator(func(c *curate.Config) {
		c.Limits = curate.Limits{FileBytes: before.Files[0].Bytes * 4, Memory: 64 << 10}
	})
	due, err := cur.CompactDue(context.Background())
	if err != nil || !due {
		t.Fatalf("due %t, %v", due, err)
	}
	report, err := cur.Compact(context.Background(), curate.CompactOptions{Full: true})
	if err != nil {
		t.Fatal(err)
	}
	after := r.table("order")
	if report.Days != 1 || report.Removed != 12 || report.Added < 2 || report.Rows != 600 || len(after.Files) != report.Added {
		t.Errorf("%+v, %d files", report, len(after.Files))
	}
	if got := r.rows(after); !reflect.DeepEqual(got, rows) {
		for i := range got {
			if got[i] != rows[i] {
				t.Fatalf("row %d was\n%s\nand is\n%s", i, rows[i], got[i])
			}
		}
	}
	last := lake.Instant(0)
	for _, f := range after.Files {
		for row, err := range curate.Rows(context.Background(), r.store, f) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Created < last {
				t.Fatalf("%s is not sorted", f.Key)
			}
			last = row.Created
		}
	}
	if before.Consumed[shard] != after.Consumed[shard] || after.Summary[curate.SummaryOperation] != "compact" {
		t.Errorf("consumed %v, summary %v", after.Consumed, after.Summary)
	}
	d, err := curate.Diff(context.Background(), r.store, curate.Side{Schema: before.Schema, Files: before.Files},
		curate.Side{Schema: after.Schema, Files: after.Files})
	if err != nil || !d.Same() {
		t.Errorf("difference %+v, %v", d, err)
	}
	if due, err := r.curator().CompactDue(context.Background()); err != nil || due {
		t.Errorf("still due: %t, %v", due, err)
	}
}

func TestCompactionRefusesDamagedAndDoubledInput(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		r.span(bodies(fmt.Sprintf(`{"n":%d}`, i))...)
		r.once()
	}
	table := r.table("order")
	victim := table.Files[1]
	data := r.read(victim.Key)
	data[len(data)/3] ^= 4
	r.replace(victim.Key, data)
	_, err := r.curator().Compact(context.Background(), curate.CompactOptions{Full: true})
	if !errors.Is(err, lake.ErrCorrupt) || !strings.Contains(err.Error(), string(victim.Key)) {
		t.Errorf("damaged: %v", err)
	}
	data[len(data)/3] ^= 4
	r.replace(victim.Key, data)
	twin := victim
	twin.Key += "-twin.parquet"
	r.replace(twin.Key, data)
	if _, err := r.catalog.Commit(context.Background(), lake.TableCommit{Table: "order", Base: table.Snapshot, Schema: table.Schema,
		Add: []lake.DataFile{twin}}); err != nil {
		t.Fatal(err)
	}
	if _, err = r.curator().Compact(context.Background(), curate.CompactOptions{Full: true}); !errors.Is(err, lake.ErrCorrupt) {
		t.Errorf("doubled: %v", err)
	}
	if got := r.table("order").Files; len(got) != 4 {
		t.Errorf("%d files", len(got))
	}
}

func (r *rig) read(k lake.Key) []byte {
	r.t.Helper()
	obj, err := r.store.Open(context.Background(), k)
	if err != nil {
		r.t.Fatal(err)
	}
	data, err := io.ReadAll(obj)
	if err != nil {
		r.t.Fatal(err)
	}
	return bytes.Clone(data)
}

func (r *rig) replace(k lake.Key, data []byte) {
	r.t.Helper()
	if err := r.store.Delete(context.Background(), k); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.store.Create(context.Background(), k, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
}

func TestARebuildOfUnchangedRulesIsTheSame(t *testing.T) {
	r := newRig(t)
	events := githubEvents(t)
	for len(events) > 0 {
		n := min(100, len(events))
		r.span(events[:n]...)
		r.once()
		events = events[n:]
	}
	names, err := r.catalog.Tables(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, name := range names {
		table := r.table(name)
		checkSchema(t, table.Schema)
		total += len(r.rows(table))
		built, err := curate.Build(context.Background(), curate.BuildConfig{Store: r.store, Lines: r.lines, Table: name,
			Files: r.rawFiles(name), Upto: table.Consumed, Keep: table.Schema})
		if err != nil {
			t.Fatal(err)
		}
		d, err := curate.Diff(context.Background(), r.store, curate.Side{Schema: table.Schema, Files: table.Files},
			curate.Side{Schema: built.Schema, Files: built.Files})
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range d.Days {
			if day.Added+day.Removed > 0 || day.Before != day.After {
				t.Errorf("table %s: %+v", name, day)
			}
		}
		if name == "watchevent" && !d.Same() {
			t.Errorf("table %s: %+v", name, d)
		}
		checkSchema(t, built.Schema)
		if built.Schema.LastID < table.Schema.LastID {
			t.Errorf("table %s: last id went from %d to %d", name, table.Schema.LastID, built.Schema.LastID)
		}
		if err := built.Discard(context.Background(), r.store); err != nil {
			t.Fatal(err)
		}
	}
	if total != 800 {
		t.Errorf("%d rows", total)
	}
}

func (r *rig) rawFiles(t lake.TableName) (out []lake.File) {
	r.t.Helper()
	j, err := r.ledger.Journal(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for f := range j.Files(lake.KindRaw) {
		if f.Partition.Table() == t {
			out = append(out, f)
		}
	}
	return out
}

func TestTheDifferenceNamesRowsAndColumns(t *testing.T) {
	r := newRig(t)
	r.span(event{body: `{"a":1,"b":"x"}`, id: "1"}, event{body: `{"a":2,"b":"y"}`, id: "2"}, event{body: `{"a":3}`, id: "3"})
	r.once()
	before := r.table("order")
	o := newRig(t) // other raw files, in a store of their own
	o.span(event{body: `{"a":1.0,"b":"x"}`, id: "1"}, event{body: `{"a":2.5,"b":"y","c":true}`, id: "2"}, event{body: `{"a":4}`, id: "4"})
	built, err := curate.Build(context.Background(), curate.BuildConfig{Store: r.store, Lines: o.lines, Table: "order",
		Files: o.rawFiles("order"), Keep: before.Schema})
	if err != nil {
		t.Fatal(err)
	}
	d, err := curate.Diff(context.Background(), r.store, curate.Side{Schema: before.Schema, Files: before.Files},
		curate.Side{Schema: built.Schema, Files: built.Files})
	if err != nil {
		t.Fatal(err)
	}
	want := curate.Difference{ColumnsAdded: []string{"c"}, ColumnsRemoved: []string{}, ColumnsChanged: []string{"a"},
		Days: []curate.DayDiff{{Day: start.Day(), Type: "order", Before: 3, After: 3, Added: 1, Removed: 1, Gone: idOf("3").String(), Changed: 1,
			Columns: map[string]int64{"a": 1, "c": 1}}}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("%+v", d)
	}
	if a, b := before.Schema.Column("b"), built.Schema.Column("b"); a.ID != b.ID {
		t.Errorf("b had id %d and has %d", a.ID, b.ID)
	}
	if a := built.Schema.Column("a"); a.ID <= before.Schema.LastID || a.Type != lake.TypeDouble {
		t.Errorf("a is %+v", a)
	}
}

// githubEvents are the 800 real events of the test data.
func githubEvents(t testing.TB) []event {
	t.Helper()
	f, err := os.Open("../testdata/github-events-2021-07-21.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var out []event
	for line := range bytes.Lines(data) {
		body := string(bytes.TrimSpace(line))
		_, rest, _ := strings.Cut(body, `"type":"`)
		kind, _, _ := strings.Cut(rest, `"`)
		_, rest, _ = strings.Cut(body, `"created_at":"2021`)
		created, err := time.Parse(time.RFC3339, "2021"+rest[:16])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, event{body: body, kind: kind, created: lake.InstantOf(created)})
	}
	return out
}

// A day that gets a small file again and again neither keeps many files nor
// has its rows rewritten over and over.
func TestSmallFilesAreMergedByTiers(t *testing.T) {
	const spans, fan, tiers = 300, 4, 5 // 4^4 < 300 < 4^5
	r := newRig(t)
	cur := r.curator(func(c *curate.Config) { c.Limits = curate.Limits{SmallFiles: fan} })
	rewritten, most := int64(0), 0
	for n := range spans {
		r.span(bodies(fmt.Sprintf(`{"n":%d}`, n))...)
		if _, err := cur.Once(context.Background()); err != nil {
			t.Fatal(err)
		}
		report, err := cur.Compact(context.Background(), curate.CompactOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rewritten += report.Rows
		most = max(most, len(r.table("order").Files))
	}
	if most >= 2*fan {
		t.Errorf("%d files at a time, want fewer than %d", most, 2*fan)
	}
	if rewritten > spans*tiers || rewritten < spans {
		t.Errorf("%d rows rewritten for %d rows, want at most %d each", rewritten, spans, tiers)
	}
	if rows := r.rows(r.table("order")); len(rows) != spans {
		t.Errorf("%d rows, want %d", len(rows), spans)
	}
}

// Files of thousands of rows are put together as they are until they make a
// large one, which is sorted.
func TestLargeRowGroupsAreMergedAsTheyAre(t *testing.T) {
	const spans, rows = 4, 2100
	r := newRig(t)
	rng := rand.New(rand.NewPCG(9, 10))
	more := func(from int) { // the schema grows inside structs and lists too, and ints become longs
		for b := from; b < from+spans; b++ {
			events := make([]event, rows)
			for i := range events {
				n := b*rows + i
				events[i] = event{body: fmt.Sprintf(`{"n":%d,"s":"v%d","o":{"a":%d,"b%d":[%d,null]},"l":[{"x":%d,"y%d":"z"},null,{}],"c%d":%t}`,
					n, n%5, n, b%spans, n<<(5*b), n, b%spans, b%spans, n%2 == 0),
					created: start.Add(time.Duration(rng.IntN(3600)) * time.Second)}
			}
			r.span(events...)
			r.once()
		}
	}
	// compact merges until there is nothing left to merge into one file.
	compact := func(prefix string, groups int, l curate.Limits) lake.DataFile {
		t.Helper()
		cur := r.curator(func(c *curate.Config) { c.Limits = l })
		want := r.rows(r.table("order"))
		for due := true; due; {
			if _, err := cur.Compact(context.Background(), curate.CompactOptions{}); err != nil {
				t.Fatal(err)
			}
			var err error
			if due, err = cur.CompactDue(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		after := r.table("order")
		if len(after.Files) != 1 || !strings.Contains(string(after.Files[0].Key), prefix) {
			t.Fatalf("files %+v, want one whose name has %s", after.Files, prefix)
		}
		if got := r.rows(after); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %d rows, want %d, or not the same", prefix, len(got), len(want))
		}
		data := r.read(after.Files[0].Key)
		f, err := parquetfile.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Groups()) != groups {
			t.Errorf("%s: row groups of %v rows, want %d", prefix, f.Groups(), groups)
		}
		return after.Files[0]
	}
	more(0)
	file := compact("/merged-", spans, curate.Limits{SmallFiles: spans})
	more(spans)
	compact("/sorted-", 1, curate.Limits{SmallFiles: 2, FileBytes: 3 * file.Bytes})
}
