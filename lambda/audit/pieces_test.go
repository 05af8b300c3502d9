package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/raw"
)

// counted has the handler audit over a store that counts.
func (r *rig) counted(change func(*audit.Config)) *counting {
	c := &counting{Store: r.store, opened: map[lake.Key]int{}, bytes: map[lake.Key]*atomic.Int64{}, end: func() {}, times: map[lake.Key]lake.Instant{}}
	r.config.Store, r.config.Lines = c, raw.NewReader(c, nil)
	if change != nil {
		change(&r.config)
	}
	r.handler = audit.New(r.config)
	return c
}

func names(name string, n int) []string { return slices.Repeat([]string{name}, n) }

// rewrite puts something else under the key of an object.
func (r *rig) rewrite(key lake.Key, change func([]byte) []byte) {
	r.t.Helper()
	o, err := r.store.Open(r.t.Context(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	data, err := io.ReadAll(o)
	if err := errors.Join(err, r.store.Delete(r.t.Context(), key)); err != nil {
		r.t.Fatal(err)
	}
	_, err = r.store.Create(r.t.Context(), key, func(w io.Writer) error {
		_, err := w.Write(change(data))
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) files(name lake.TableName) []lake.DataFile {
	r.t.Helper()
	table, err := r.catalog.Table(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return table.Files
}

func sum(rows []audit.Row) (s audit.Row) {
	for _, row := range rows {
		s.Add(row.Tally)
		s.Raw += row.Raw
		s.Repeats += row.Repeats
		s.Table += row.Table
	}
	return s
}

// TestOnlyTheDaysOfTheHoursEventsAreRead in a table of many: a table that grows
// costs an audit no more.
func TestOnlyTheDaysOfTheHoursEventsAreRead(t *testing.T) {
	r := newRig(t)
	const days = 60
	for day := range days {
		at := noon.Add(-time.Duration(days-day) * 24 * time.Hour)
		r.sendMade(at, at, names("account:x", 20)...)
		r.take()
	}
	r.send(noon, names("account:x", 20)...)
	r.sendMade(noon.Add(time.Minute), noon.Add(-7*24*time.Hour), "account:x")
	r.take()
	c := r.counted(nil)
	report := r.ask(`{}`)
	if s := sum(report.Rows); report.Gap != 0 || !report.Finished || s.Raw != 21 || s.Table != 21 || report.DataFiles != len(r.files("account")) {
		t.Fatalf("%+v", report)
	}
	if files, of := c.data(); files != 3 || of != 2 { // today's, and two of the day a week ago
		t.Fatalf("%d data files of %d days were opened, the table has %d", files, of, len(r.files("account")))
	}
}

// TestOnlyRowGroupsOfTheEventsMinutesAreRead of a day that has a file an hour.
func TestOnlyRowGroupsOfTheEventsMinutesAreRead(t *testing.T) {
	r := newRig(t)
	midnight, rows := noon.Add(-12*time.Hour), 3000
	for hour := range 24 {
		at := midnight.Add(time.Duration(hour) * time.Hour)
		r.sendMade(at, at, names("account:x", rows)...)
		r.take()
	}
	var ids int64
	c := r.counted(nil)
	for _, f := range r.files("account") {
		ids += 16 * f.Rows
		c.times[f.Key] = midnight // long ago: none is read whole
	}
	report := r.ask(`{"from":"2026-06-01T12:00:00Z"}`)
	if s := sum(report.Rows); report.Gap != 0 || s.Raw != int64(rows) || s.Table != s.Raw || report.Verified != 0 {
		t.Fatalf("%+v", report)
	}
	// An hour's ids, and the footers of 24 files, each read twice.
	if read := c.read("tables/"); read < ids/24 || read > ids/24+24*2*5000 {
		t.Fatalf("%d bytes of the table were read, all ids are %d", read, ids)
	}
}

// TestAChangedCopyOfAnotherTimeIsNoGap: its event has the row of the first copy.
func TestAChangedCopyOfAnotherTimeIsNoGap(t *testing.T) {
	r := newRig(t)
	r.sendMade(noon.Add(-9*time.Hour), noon.Add(-9*time.Hour), "account:x")
	r.sendMade(noon.Add(-9*time.Hour), noon.Add(-8*time.Hour), names("account:x", 50)...)
	r.take()
	r.n = 0
	r.sendMade(noon, noon.Add(-time.Minute), "account:x") // when the claim has expired
	r.take()
	r.counted(nil)
	if report := r.gap(0); sum(report.Rows).Raw != 1 || sum(report.Rows).Table != 1 {
		t.Fatalf("%+v", report)
	}
}

func TestRowsThatAreTwiceInATableAreNamed(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x", "account:x")
	r.take()
	first := r.files("account")[0]
	o, err := r.store.Open(t.Context(), first.Key)
	if err != nil {
		t.Fatal(err)
	}
	again := first
	again.Key += "-again.parquet"
	if _, err := r.store.Create(t.Context(), again.Key, func(w io.Writer) error { _, err := io.Copy(w, o); return err }); err != nil {
		t.Fatal(err)
	}
	table, err := r.catalog.Table(t.Context(), "account")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.catalog.Commit(t.Context(), lake.TableCommit{Table: "account", Base: table.Snapshot, Schema: table.Schema, Add: []lake.DataFile{again}}); err != nil {
		t.Fatal(err)
	}
	report := r.gap(0, "table account has event", "table account has event")
	if report.Doubled != 2 || sum(report.Rows).Table != 2 {
		t.Fatalf("%+v", report)
	}
}

// TestADataFileThatIsGoneCutOrDamagedIsNamed, of a day that no event of the hour
// is of.
func TestADataFileThatIsGoneCutOrDamagedIsNamed(t *testing.T) {
	for what, change := range map[string]func(*rig, lake.DataFile){
		"it is gone": func(r *rig, f lake.DataFile) {
			if err := r.store.Delete(r.t.Context(), f.Key); err != nil {
				r.t.Fatal(err)
			}
		},
		"bytes, the catalog says":       func(r *rig, f lake.DataFile) { r.rewrite(f.Key, func(b []byte) []byte { return b[:len(b)-1] }) },
		"checksum is":                   func(r *rig, f lake.DataFile) { r.rewrite(f.Key, func(b []byte) []byte { b[9] ^= 1; return b }) },
		"no footer at the end: corrupt": func(r *rig, f lake.DataFile) { r.rewrite(f.Key, func(b []byte) []byte { return make([]byte, len(b)) }) },
	} {
		r := newRig(t)
		old := noon.Add(-72 * time.Hour)
		r.sendMade(old, old, "account:x", "payment:x")
		r.send(noon, "account:x")
		r.take()
		c := r.counted(nil)
		for _, f := range slices.Concat(r.files("account"), r.files("payment")) {
			c.times[f.Key] = old
		}
		r.scheduled(0, "")
		for _, table := range []lake.TableName{"account", "payment"} {
			f := r.files(table)[0]
			change(r, f)
			c.times[f.Key] = noon.Add(2*time.Hour + time.Minute)
			report := r.scheduled(0, fmt.Sprintf("data file %s cannot be read: ", f.Key))
			if !strings.Contains(strings.Join(report.Problems, "\n"), what) {
				t.Errorf("%s: %q", what, report.Problems)
			}
		}
	}
}

// TestADamagedFileOfTheHourIsNamedOnce, and hides no events as missing.
func TestADamagedFileOfTheHourIsNamedOnce(t *testing.T) {
	r := newRig(t)
	r.send(noon, "account:x", "account:x")
	r.take()
	f := r.files("account")[0]
	r.rewrite(f.Key, func(b []byte) []byte { return make([]byte, len(b)) })
	r.gap(0, string(f.Key))
}

// parted sends what is compared in many pieces: three types, three days, more
// ids of one than fit, a gap in one and lines that are repeated in another.
func parted(t *testing.T) *rig {
	r := newRig(t)
	for day := range 3 {
		made := noon.Add(-time.Duration(day) * 24 * time.Hour)
		r.sendMade(noon, made, names("account:x", 100)...)
		r.sendMade(noon, made, names("payment:x", 7)...)
		r.sendMade(noon, made, "Visit:x", "")
	}
	batch := slices.Clone(r.batch())
	for _, from := range []int{0, 5} {
		if n, _, err := r.handed.Settle(t.Context(), shard, batch[from:]); err != nil || n != len(batch)-from {
			t.Fatal(n, err)
		}
	}
	r.curate()
	r.empty("payment")
	return r
}

// TestMoreIdsThanFitAreComparedInParts with the same outcome.
func TestMoreIdsThanFitAreComparedInParts(t *testing.T) {
	r := parted(t)
	want := r.ask(`{}`)
	if s := sum(want.Rows); want.Gap != 21 || s.Raw != 324 || s.Repeats != 319 || s.Table != 303 || !want.Finished {
		t.Fatalf("%+v", want)
	}
	c := r.counted(func(c *audit.Config) { c.Memory = 96 * 10 })
	got := r.ask(`{}`)
	read := 0
	for key, n := range c.opened {
		if strings.HasPrefix(string(key), "raw/event_type=account") {
			read = max(read, n)
		}
	}
	if read < 10 {
		t.Errorf("100 ids were compared with memory for 10, and raw was read %d times", read)
	}
	if s := sum(got.Rows); s != sum(want.Rows) || got.Gap != want.Gap || got.Doubled != 0 || len(got.Problems) < 3 {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// calls invokes the audit until it is at its end, and gives each call the time
// for so many openings of objects. It returns the reports of the calls and what
// was logged.
func (r *rig) calls(openings int, memory int64, over func(lake.Key) bool) (reports []audit.Report, logged string) {
	r.t.Helper()
	var next []byte
	var log bytes.Buffer
	c := r.counted(func(c *audit.Config) {
		c.Memory, c.Parallel, c.Log = memory, 1, slog.New(slog.NewTextHandler(&log, nil))
		c.Again = func(_ context.Context, q audit.Request) (err error) {
			next, err = json.Marshal(q)
			return err
		}
	})
	c.over = func(opened int, key lake.Key) bool { return opened > openings || over != nil && over(key) }
	for payload := []byte(`{}`); payload != nil; payload = next {
		ctx := newCall(r.t.Context())
		next, c.calls, c.end = nil, 0, ctx.end
		out, err := r.handler.Invoke(ctx, payload)
		if err != nil {
			r.t.Fatal(err)
		}
		var report audit.Report
		if err := json.Unmarshal(out, &report); err != nil {
			r.t.Fatal(err)
		}
		if report.Finished != (next == nil) || report.Finished != (report.Left == 0) {
			r.t.Fatalf("%+v, and the rest is %s", report, next)
		}
		reports = append(reports, report)
	}
	return reports, log.String()
}

// TestWhatDoesNotFitIsHandedOn to other calls, which together find what one does.
func TestWhatDoesNotFitIsHandedOn(t *testing.T) {
	r := parted(t)
	r.counted(nil) // files are read whole if they are as young as they are
	want := r.ask(`{}`)
	for _, memory := range []int64{0, 96 * 40} {
		reports, logged := r.calls(4, memory, nil)
		last := reports[len(reports)-1]
		if len(reports) < 3 || want.Gap != 21 {
			t.Fatalf("%d calls, %+v", len(reports), want)
		}
		var rows []audit.Row
		for _, call := range reports {
			rows = append(rows, call.Rows...)
		}
		if memory == 0 && (!reflect.DeepEqual(rows, want.Rows) || !reflect.DeepEqual(last.Found, want.Found)) {
			t.Errorf("%d calls find %+v and %+v, one %+v", len(reports), last, rows, want)
		}
		if sum(rows) != sum(want.Rows) || last.Gap != want.Gap || last.Unread != 0 {
			t.Errorf("%d calls find %+v and %+v, one %+v", len(reports), last, rows, want)
		}
		if n := strings.Count(logged, "the books do not balance"); n != len(last.Problems) {
			t.Errorf("%d problems were logged %d times:\n%s", len(last.Problems), n, logged)
		}
	}
}

// TestAPieceThatNeverFitsIsPassedOverAndNamed, instead of an audit without end,
// and what was not looked at is no gap.
func TestAPieceThatNeverFitsIsPassedOverAndNamed(t *testing.T) {
	r := parted(t)
	reports, logged := r.calls(1000, 0, func(key lake.Key) bool {
		return strings.HasPrefix(string(key), "raw/event_type=account/event_subtype=x/year=2026/month=05/day=31/")
	})
	last := reports[len(reports)-1]
	const problem = "table account, day 2026-05-31 does not fit into the time of one call: it is not looked at"
	if last.Unread != 1 || last.Gap != 21 || !slices.Contains(last.Problems, problem) || len(last.Problems) != 4 || strings.Count(logged, problem) != 1 {
		t.Fatalf("%+v\n%s", last, logged)
	}
}

// TestAnAuditWithoutEndEnds after so many calls that nothing is right any more.
func TestAnAuditWithoutEndEnds(t *testing.T) {
	r := newRig(t)
	if _, err := r.handler.Invoke(t.Context(), []byte(`{"rest":{"calls":200}}`)); !errors.Is(err, lake.ErrLimit) {
		t.Fatal(err)
	}
}
