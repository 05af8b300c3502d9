package transform

import "github.com/eventlake/lake"

// Row is what the lake needs to know about an event.
type Row struct {
	ID          lake.ID
	Fingerprint uint32 // of the content; equal for copies however they are written
	Weak        bool   // the event had no id: ID is a hash of its content

	// The true names, unescaped; shared, may be kept.
	Type, Subtype []byte

	Name    lake.Name    // path-safe; may be kept
	Created lake.Instant // the event's own time

	// Taken has bit i set when the event has a top-level member named
	// Keys()[i], or that name behind one or more Prefix.
	Taken uint16

	names *names
}

func (r *Row) setNames(n *names) {
	r.names, r.Type, r.Subtype, r.Name = n, n.typ, n.subtype, n.safe
}

// Gist returns the row of an event that Scan took, for Recall; of any other it
// is the zero Gist.
func (r *Row) Gist() lake.Gist {
	if r.names == nil {
		return lake.Gist{}
	}
	return lake.Gist{By: r.names, Created: r.Created, Fingerprint: r.Fingerprint, Taken: r.Taken, Weak: r.Weak}
}

// Recall fills the row as Scan would, from what a scanner of the same rules has
// found in the event before and its ID. It reports whether it could: without a
// gist, or with one of other rules, the event has to be scanned. What was taken
// when an event came is taken at any later log time too, so time changes nothing.
func (s *Scanner) Recall(e *lake.Event, row *Row) bool {
	n, ok := e.Gist.By.(*names)
	if !ok || n.rules != s.t {
		return false
	}
	*row = Row{ID: e.ID, Created: e.Gist.Created, Fingerprint: e.Gist.Fingerprint, Taken: e.Gist.Taken, Weak: e.Gist.Weak}
	row.setNames(n)
	return true
}
