package transform

import "github.com/eventlake/lake"

// Row is what the lake needs to know about an event.
type Row struct {
	ID          lake.ID
	Fingerprint uint32 // of the content; equal for copies however they are written
	Weak        bool   // the event had no id: ID is a hash of its content

	// The true names, unescaped; valid while the body is, and until the next Scan.
	Type, Subtype []byte

	Name    lake.Name    // path-safe; the strings may be kept
	Created lake.Instant // the event's own time

	// Taken has bit i set when the event has a top-level member named
	// Keys()[i], or that name behind one or more Prefix.
	Taken uint16
}
