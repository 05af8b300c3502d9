// Package gen makes realistic product events, the same ones for the same
// options: nested JSON objects of about 500 bytes with skewed types and users,
// times in three formats, and, as fractions of the lines, duplicates, late
// events, broken ones and ids that are used twice. It also says what is in
// them, so that what a lake answers can be compared.
package gen

import "time"

// Options choose the events. Equal options give equal bytes on every machine.
type Options struct {
	Seed   uint64
	Events int           // lines, with everything in them
	Start  time.Time     // of the first event; zero: 2026-03-01 UTC
	Span   time.Duration // from the first event to the last; zero: 72h

	// Fractions of the lines, 0 to 1. What they leave over are sound events
	// that nobody has sent before.
	Duplicates float64 // exact copies of one of the last 100,000 lines; at most 0.9
	Late       float64 // sound events from before their turn: most 1 to 7 days, a few up to 3 years
	Malformed  float64 // lines that must be refused, see Truth
	Conflict   float64 // other events under the id of one of the last 100,000

	// Drift changes the schema after half of the lines: there are new fields,
	// an integer becomes a fraction and another one, in some, a string.
	Drift bool
}

// Defaults returns options for a million events: 5 % duplicates, 1 % late and
// 0.1 % malformed.
func Defaults() Options {
	return Options{Seed: 1, Events: 1_000_000, Duplicates: .05, Late: .01, Malformed: .001}
}

func (o *Options) complete() {
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Span <= 0 {
		o.Span = 72 * time.Hour
	}
	o.Duplicates = min(o.Duplicates, .9) // else chains of copies get long
}
