package curate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
)

func TestLateCopiesAreDroppedAndCounted(t *testing.T) {
	r := newRig(t)
	old := start.Add(-48 * time.Hour)
	r.span(event{body: `{"n":1}`, id: "a", created: old}, event{body: `{"n":2}`, id: "b", created: old})
	r.once()
	r.span(
		event{body: `{"n":1}`, id: "a", created: old, received: start},                      // a late copy
		event{body: `{"n":3}`, id: "c", created: old, received: start},                      // late, new
		event{body: `{"n":3}`, id: "c", created: old, received: start.Add(2 * time.Hour)},   // its copy in the batch
		event{body: `{"n":4}`, id: "d", created: start},                                     // not late
		event{body: `{"n":5}`, id: "e", created: old.Add(-48 * time.Hour), received: start}, // late, a day of its own
	)
	report := r.once()
	if report.Rows != 3 || report.LateDuplicates != 2 || report.Events != 5 {
		t.Errorf("%+v", report)
	}
	r.span(event{body: `{"n":2}`, id: "b", created: old, received: start.Add(time.Minute)})
	report = r.once() // nothing but a copy: the table still moves on
	if report.Rows != 0 || report.LateDuplicates != 1 || report.Commits != 1 {
		t.Errorf("%+v", report)
	}
	table := r.table("order")
	if p := table.Consumed[shard]; p != lake.Pos(8) {
		t.Errorf("consumed up to %s", p)
	}
	for id, n := range r.ids(table) {
		if n != 1 {
			t.Errorf("event %s is there %d times", id, n)
		}
	}
	late, err := curate.LateOf(table)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]curate.LateTally{
		{Source: "web", Type: "order", From: start.Hour(), Hours: 1, Events: 2},
		{Source: "web", Type: "order", From: start.Hour().Add(2 * time.Hour), Hours: 1, Events: 1},
	})
	if late.Total != 3 || fmt.Sprint(late.Books) != want {
		t.Errorf("%+v", late)
	}
}

func TestLateCopiesAreFoundAmongManyFiles(t *testing.T) {
	r := newRig(t)
	old := start.Add(-48 * time.Hour)
	var all []event
	for b := range 5 {
		var list []event
		for i := range 400 {
			list = append(list, event{body: fmt.Sprintf(`{"n":%d}`, b*400+i), created: old.Add(time.Duration(i) * time.Second)})
		}
		all = append(all, list...)
		r.span(list...)
		r.once()
	}
	for i := range all {
		all[i].received = start
	}
	r.span(append(all, event{body: `{"n":-1}`, created: old, received: start})...)
	report := r.once()
	if report.LateDuplicates != 2000 || report.Rows != 1 {
		t.Errorf("%+v", report)
	}
}

func TestOldHoursAreFolded(t *testing.T) {
	var l curate.LateDuplicates
	for i := range 2000 {
		l.Add(lake.Book{Source: "web", Type: "order", Hour: start.Hour().Add(time.Duration(i) * time.Hour)}, 2)
	}
	sum, hours := int64(0), int64(0)
	for _, b := range l.Books {
		sum += b.Events
		hours += b.Hours
	}
	if l.Total != 4000 || sum != 4000 || hours != 2000 || len(l.Books) > 512 {
		t.Errorf("total %d, sum %d, %d hours in %d books", l.Total, sum, hours, len(l.Books))
	}
}

// A ledger may have forgotten claims earlier than the configured lifetime says:
// what is as old as those is compared, however young it is for LateAfter.
func TestEventsOfForgottenClaimsAreComparedHoweverYoung(t *testing.T) {
	for name, c := range map[string]struct {
		forgotten lake.Instant
		rows      int64
	}{
		"forgotten": {start.Add(time.Minute), 1},
		"known":     {start.Add(-time.Minute), 2}, // the ledger would have answered Taken
	} {
		r := newRig(t)
		change := func(cfg *curate.Config) {
			cfg.LateAfter, cfg.Forgotten = 24*time.Hour, func() lake.Instant { return c.forgotten }
		}
		rows := int64(0)
		for range 2 {
			r.span(event{body: `{"n":1}`, id: "a", created: start, received: start})
			rows += r.once(change).Rows
		}
		if rows != c.rows {
			t.Errorf("%s: %d rows instead of %d", name, rows, c.rows)
		}
	}
}
