package curate_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

const dayFiles, dayRows = 12, 2000 // of a day in these tests

// day makes a day of files that were written by cycles which compare every
// event, and returns the events of each.
func (r *rig) day() [][]event {
	r.t.Helper()
	cur := r.curator(everyEvent)
	all := make([][]event, dayFiles)
	for f := range all {
		for i := range dayRows {
			all[f] = append(all[f], event{body: fmt.Sprintf(`{"n":%d}`, f*dayRows+i)})
		}
		r.span(all[f]...)
		if _, err := cur.Once(context.Background()); err != nil {
			r.t.Fatal(err)
		}
	}
	return all
}

func everyEvent(c *curate.Config) { c.LateAfter = 0 }

// counting makes a curator's reads of data files be counted in s.
func counting(s *counted) func(*curate.Config) {
	return func(c *curate.Config) { s.Store, c.Store = c.Store, s }
}

// newEvents are n events that no day has.
func newEvents(from, n int) []event {
	out := make([]event, n)
	for i := range out {
		out[i].body = fmt.Sprintf(`{"n":%d}`, 1_000_000+from+i)
	}
	return out
}

// anatomy is how many bytes of a file are footer, filters and ids.
func (r *rig) anatomy(f lake.DataFile) (footer, filters, ids int64) {
	r.t.Helper()
	data := r.read(f.Key)
	footer = int64(binary.LittleEndian.Uint32(data[len(data)-8:])) + 8
	pf, err := parquetfile.OpenParts(strings.NewReader(string(data)), f.Bytes)
	if err != nil || pf == nil {
		r.t.Fatalf("%s has no parts: %v", f.Key, err)
	}
	for g := range pf.Groups() {
		filter, err := pf.Filter(g, 1)
		if err != nil {
			r.t.Fatal(err)
		}
		filters += int64(filter.Bytes()) + 32 // and its header
	}
	return footer + 8, filters, 16 * f.Rows // the footer's length is read before it
}

func TestNewEventsReadFiltersAndNothingElse(t *testing.T) {
	for name, prepare := range map[string]func(*rig){
		"as they came": func(*rig) {},
		"compacted": func(r *rig) {
			if _, err := r.curator(everyEvent).Compact(context.Background(), curate.CompactOptions{Full: true}); err != nil {
				r.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.day()
			prepare(r)
			table := r.table("order")
			var limit, ids int64
			for _, f := range table.Files {
				footer, filters, id := r.anatomy(f)
				limit, ids = limit+footer+filters, ids+id
			}
			if limit > ids {
				t.Fatalf("filters and footers are %d bytes, the ids %d", limit, ids)
			}
			var s counted
			cur := r.curator(everyEvent, counting(&s)) // a process that knows nothing yet
			for cycle, want := range []int64{limit, 0} {
				s.reset()
				r.span(newEvents(100*cycle, 100)...)
				report, err := cur.Once(context.Background())
				if err != nil || report.Rows != 100 {
					t.Fatalf("%+v, %v", report, err)
				}
				if s.bytes.Load() > want {
					t.Errorf("cycle %d read %d bytes of %d files, want at most %d", cycle, s.bytes.Load(), s.opens.Load(), want)
				}
				if want == 0 && s.opens.Load() > 0 {
					t.Errorf("cycle %d opened %d files", cycle, s.opens.Load())
				}
			}
		})
	}
}

// TestCopiesInOldFilesAreFound: with filters, without, and with filters that
// cannot be read.
func TestCopiesInOldFilesAreFound(t *testing.T) {
	for name, prepare := range map[string]func(*rig){
		"filters":           func(*rig) {},
		"no filters":        func(r *rig) { r.rewrite(func(int) bool { return false }) },
		"some have filters": func(r *rig) { r.rewrite(func(i int) bool { return i%2 == 0 }) },
		"damaged filters": func(r *rig) {
			for _, f := range r.table("order").Files {
				footer, filters, _ := r.anatomy(f)
				data := r.read(f.Key)
				data[int64(len(data))-footer-filters/2] ^= 4
				r.replace(f.Key, data)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			all := r.day()
			prepare(r)
			files := r.table("order").Files
			var s counted
			cur := r.curator(everyEvent, counting(&s))
			copies := []event{all[2][7], all[2][1999], all[5][0]}
			r.span(append(newEvents(0, 50), copies...)...)
			report, err := cur.Once(context.Background())
			if err != nil || report.Rows != 50 || report.LateDuplicates != 3 {
				t.Fatalf("%+v, %v", report, err)
			}
			if name == "filters" {
				var limit int64
				for i, f := range files {
					footer, filters, ids := r.anatomy(f)
					limit += footer + filters
					if i < 2 { // as many are opened again, and their ids read
						limit += footer + ids + 100 // and the header of their page
					}
				}
				if s.opens.Load() != dayFiles+2 || s.bytes.Load() > limit {
					t.Errorf("read %d bytes of %d files, want at most %d", s.bytes.Load(), s.opens.Load(), limit)
				}
			}
			// Once more, now with filters in memory.
			r.span(append(newEvents(50, 50), all[11][5], all[2][7])...)
			if report, err = cur.Once(context.Background()); err != nil || report.Rows != 50 || report.LateDuplicates != 2 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

func TestADamagedFileStopsItsTable(t *testing.T) {
	r := newRig(t)
	r.day()
	f := r.table("order").Files[3]
	data := r.read(f.Key)
	data[len(data)-20] ^= 1 // in the footer
	r.replace(f.Key, data)
	r.span(newEvents(0, 10)...)
	if report, err := r.curator(everyEvent).Once(context.Background()); err == nil || report.Rows != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestOfADayBeyondTheMemoryAPartStays(t *testing.T) {
	r := newRig(t)
	r.day()
	_, filter, _ := r.anatomy(r.table("order").Files[0])
	var s counted
	cur := r.curator(everyEvent, counting(&s), func(c *curate.Config) { c.Limits.Memory = 10 * filter })
	for cycle, want := range []int64{dayFiles, dayFiles - 5} {
		s.reset()
		r.span(newEvents(10*cycle, 10)...)
		if _, err := cur.Once(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := s.opens.Load(); n < want || n > want+1 { // one more for the file of the cycle before
			t.Errorf("cycle %d opened %d files, want %d", cycle, n, want)
		}
	}
}

func TestOtherReadersSeeTheFilters(t *testing.T) {
	r := newRig(t)
	all := r.day()
	table := r.table("order")
	if n := r.query(table, "select count(*)::varchar from t"); n[0] != fmt.Sprint(dayFiles*dayRows) {
		t.Errorf("%s rows", n)
	}
	one := fmt.Sprintf("select n::varchar from t where event_id = '%s'::uuid", idOf(all[4][17].body))
	if n := r.query(table, one); len(n) != 1 || n[0] != fmt.Sprint(4*dayRows+17) {
		t.Errorf("%s", n)
	}
	where := "select count(*)::varchar from parquet_metadata(getvariable('files')) where path_in_schema = 'event_id' and bloom_filter_offset > 0"
	if n := r.query(table, where); n[0] != fmt.Sprint(dayFiles) {
		t.Errorf("%s files have a filter", n)
	}
}

// rewrite replaces the table's files by ones with the same rows, with or
// without filters.
func (r *rig) rewrite(filtered func(i int) bool) {
	r.t.Helper()
	table := r.table("order")
	leaves := column.Leaves(&table.Schema)
	enc, err := parquetfile.NewEncoder()
	if err != nil {
		r.t.Fatal(err)
	}
	next := lake.TableCommit{Table: table.Name, Base: table.Snapshot, Schema: table.Schema, Remove: table.Files}
	for i, f := range table.Files {
		data := r.read(f.Key)
		pf, err := parquetfile.Open(strings.NewReader(string(data)), f.Bytes)
		if err != nil {
			r.t.Fatal(err)
		}
		f.Key += "-again.parquet"
		_, err = r.store.Create(context.Background(), f.Key, func(out io.Writer) error {
			w, err := parquetfile.NewWriter(out, enc, table.Schema.Columns, nil)
			if err != nil {
				return err
			}
			if filtered(i) {
				w.FilterOn(1)
			}
			for g, rows := range pf.Groups() {
				w.BeginRowGroup(rows)
				for l := range leaves {
					var c column.Chunk
					if err := pf.Read(g, &leaves[l], &c); err != nil {
						return err
					}
					if err := w.Column(&c); err != nil {
						return err
					}
				}
				if err := w.EndRowGroup(); err != nil {
					return err
				}
			}
			f.Rows, f.Bytes, f.Columns, err = w.Close()
			return err
		})
		if err != nil {
			r.t.Fatal(err)
		}
		next.Add = append(next.Add, f)
	}
	if _, err := r.catalog.Commit(context.Background(), next); err != nil {
		r.t.Fatal(err)
	}
}
