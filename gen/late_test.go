package gen_test

import (
	"testing"
	"time"

	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/transform"
)

func TestMostLateEventsAreDaysLateAndAFewYears(t *testing.T) {
	const events = 200_000
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	g := gen.New(gen.Options{Seed: 3, Events: events, Late: 1, Start: start, Span: time.Second})
	how, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	scanner := how.Scanner()
	const day = 24 * time.Hour
	soon, years := 0, 0
	var line []byte
	for range events {
		line, _ = g.Next(line[:0])
		var row transform.Row
		if refusal := scanner.Scan("s", line, 1<<60, &row); refusal != nil {
			t.Fatalf("%s: %v", line, refusal)
		}
		late := start.Sub(row.Created.Time())
		if late < day-2*time.Second || late > 3*365*day+5*time.Second {
			t.Fatalf("%s late: %s", late, line)
		}
		switch {
		case late < 7*day:
			soon++
		case late > 365*day:
			years++
		}
	}
	if soon < events*8/10 || years < events/1000 || years > events/100 {
		t.Errorf("%d of %d are less than 7 days late, %d more than a year", soon, events, years)
	}
}
