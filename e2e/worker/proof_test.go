package worker

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
)

// proof recounts what the workers have left of what a producer has sent.
type proof struct {
	*producer
	lines   *raw.Reader
	journal lake.Journal
	want    lake.Tally     // of all books
	ids     map[string]int // sound events by uuid, with how often raw must have them
	total   int64          // events in the stream
}

// prove recounts everything: stream, books, positions, raw, quarantine.
func (p *producer) prove() *proof {
	p.t.Helper()
	v := &proof{producer: p, lines: raw.NewReader(p.store, nil), ids: map[string]int{}}
	var err error
	if v.journal, err = p.ledger.Journal(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	v.expect()
	v.positions()
	v.books()
	v.raw()
	v.refused()
	return v
}

// expect follows from the stream alone.
func (v *proof) expect() {
	v.t.Helper()
	v.read()
	v.total = int64(len(v.at))
	for where, rec := range v.at {
		s, ok := v.made[string(rec.Body)]
		if !ok {
			v.t.Fatalf("nobody sent %q at %v", rec.Body, where)
		}
		switch {
		case s.kind == broken, s.kind == conflict && v.claims:
			v.want.Quarantined++
		case v.claims && v.ids[s.uuid] > 0:
			v.want.Duplicate++
		default:
			v.want.Unique++
			v.ids[s.uuid]++
		}
	}
	if len(v.ids) != len(v.bodies) {
		v.t.Fatalf("%d ids are in the stream, %d were sent", len(v.ids), len(v.bodies))
	}
}

// positions demands that all of the stream is committed.
func (v *proof) positions() {
	v.t.Helper()
	got := v.journal.Positions()
	for shard, end := range v.ends {
		if got[shard] != end {
			v.t.Errorf("%s is committed to %s and ends at %s", shard, got[shard], end)
		}
	}
	for shard := range got {
		if v.ends[shard].IsZero() {
			v.t.Errorf("the ledger has a position in %s, which holds nothing", shard)
		}
	}
}

// books demands that every event of the stream has one verdict, the right one.
func (v *proof) books() {
	v.t.Helper()
	var sum lake.Tally
	for _, b := range v.journal.Books() {
		sum.Add(b)
	}
	if sum != v.want || sum.Total() != v.total {
		v.t.Errorf("the books say %+v, want %+v for %d events", sum, v.want, v.total)
	}
}

// raw reads every file of the ledger, with its checksum, and demands every
// record of the stream that is unique, as it was sent, once.
func (v *proof) raw() {
	v.t.Helper()
	seen, got := map[place]bool{}, map[string]int{}
	files := 0
	for f := range v.journal.Files(lake.KindRaw) {
		files++
		events := int64(0)
		err := v.lines.EachLine(v.t.Context(), f, func(line []byte) error {
			events++
			var fields raw.Fields
			body, err := raw.Split(line, &fields)
			if err != nil {
				return err
			}
			body = append(slices.Clip(body), '}')
			at := place{fields.Shard, fields.Position.String()}
			if seen[at] {
				v.t.Errorf("%s has the record at %v again", f.Key, at)
			}
			seen[at] = true
			if !bytes.Equal(body, v.at[at].Body) {
				v.t.Errorf("%s has %q of %v, the stream %q", f.Key, body, at, v.at[at].Body)
			}
			got[v.made[string(body)].uuid]++
			return nil
		})
		if err != nil {
			v.t.Errorf("%s: %v", f.Key, err)
		}
		if events != f.Events || !f.Vouched() {
			v.t.Errorf("%s has %d events, the ledger says %d", f.Key, events, f.Events)
		}
	}
	for uuid, n := range v.ids {
		if got[uuid] != n {
			v.t.Errorf("%s is %d times in raw, want %d", uuid, got[uuid], n)
		}
	}
	if len(got) != len(v.ids) {
		v.t.Errorf("raw has %d ids, want %d", len(got), len(v.ids))
	}
	v.t.Logf("%d files hold %d ids of %d events of the stream", files, len(got), v.total)
}

// refused demands that every broken event is in quarantine.
func (v *proof) refused() {
	v.t.Helper()
	got := int64(0)
	for f := range v.journal.Files(lake.KindQuarantine) {
		for e, err := range quarantine.Entries(v.t.Context(), v.lines, f) {
			if err != nil {
				v.t.Error(err)
				break
			}
			got++
			rec, kind := v.at[place{e.Shard, e.Position.String()}], v.made[string(e.Content())].kind
			if !bytes.Equal(rec.Body, e.Content()) || kind == sound || (kind == conflict) != (e.Reason == lake.ReasonConflict) {
				v.t.Errorf("%s is in quarantine: %s: %q", e.Name(), e.Reason, e.Content())
			}
		}
	}
	if got != v.want.Quarantined {
		v.t.Errorf("%d events are in quarantine, want %d", got, v.want.Quarantined)
	}
}

// tables lets the curate stage make tables of raw, demands every id once in
// them, and audits everything as lambda-audit does.
func (v *proof) tables() {
	v.t.Helper()
	catalog := memory.NewCatalog()
	catalog.Store = v.store
	curator, err := curate.New(curate.Config{Backlog: v.ledger, Store: v.store, Catalog: catalog, Lines: v.lines})
	if err != nil {
		v.t.Fatal(err)
	}
	var report curate.Report
	for range 10 {
		r, err := curator.Once(v.t.Context())
		if err != nil {
			v.t.Fatal(err)
		}
		report.Rows, report.LateDuplicates = report.Rows+r.Rows, report.LateDuplicates+r.LateDuplicates
	}
	if late := v.want.Unique - int64(len(v.bodies)); report.Rows != int64(len(v.bodies)) || report.LateDuplicates != late {
		v.t.Errorf("curate has made %d rows and dropped %d copies, want %d and %d", report.Rows, report.LateDuplicates, len(v.bodies), late)
	}
	v.rows(catalog)
	v.audit(catalog)
}

func (v *proof) rows(catalog lake.Catalog) {
	v.t.Helper()
	names, err := catalog.Tables(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	got := map[lake.ID]int{}
	for _, name := range names {
		table, err := catalog.Table(v.t.Context(), name)
		if err != nil {
			v.t.Fatal(err)
		}
		for _, f := range table.Files {
			for row, err := range curate.Rows(v.t.Context(), v.store, f) {
				if err != nil {
					v.t.Fatal(err)
				}
				got[row.ID]++
			}
		}
	}
	for _, body := range v.bodies {
		if s := v.made[body]; got[s.id] != 1 {
			v.t.Errorf("%s is %d times in the tables", s.uuid, got[s.id])
		}
	}
	v.t.Logf("%d tables hold %d ids", len(names), len(got))
}

func (v *proof) audit(catalog lake.Catalog) {
	v.t.Helper()
	h := audit.New(audit.Config{Receipts: v.ledger, Stream: v.stream, Ledger: v.ledger, Store: v.store, Catalog: catalog, Lines: v.lines})
	hours := audit.Request{From: v.begun.Hour().Time().Format(time.RFC3339), To: lake.SystemClock().Hour().Add(time.Hour).Time().Format(time.RFC3339), Stream: true}
	in, err := json.Marshal(hours)
	if err != nil {
		v.t.Fatal(err)
	}
	out, err := h.Invoke(v.t.Context(), in)
	if err != nil {
		v.t.Fatal(err)
	}
	var r audit.Report
	if err := json.Unmarshal(out, &r); err != nil {
		v.t.Fatal(err)
	}
	var sum audit.Row
	for _, row := range r.Rows {
		sum.Add(row.Tally)
		sum.Raw += row.Raw
	}
	if r.Gap != 0 || r.Doubled != 0 || r.InFlight != 0 || len(r.Problems) != 0 || sum.Raw != v.want.Unique || sum.Total() != v.total {
		v.t.Errorf("the audit finds a gap of %d, %d doubled, %d in flight, %d of %d in raw\n%s",
			r.Gap, r.Doubled, r.InFlight, sum.Raw, v.want.Unique, strings.Join(r.Problems, "\n"))
	}
}
