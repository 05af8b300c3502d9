package transform

import "github.com/eventlake/lake"

// Transformer reads the events of the sources that share one mapping. It never
// changes, so any number of goroutines may use it at once, each through its
// own Scanner.
type Transformer struct {
	m Mapping
}

// New prepares a mapping. The error joins every problem of it, each one
// ErrInvalid with a hint.
func New(m Mapping) (*Transformer, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	return &Transformer{m: m}, nil
}

// Scanner returns the scratch memory that one goroutine needs to scan.
func (t *Transformer) Scanner() *Scanner { return &Scanner{t: t} }

type field struct {
	path Path
	slot int
}

// fields lists the mapped fields with their slots.
func (m *Mapping) fields() []field {
	return []field{{m.ID, 0}, {m.Name, 1}, {m.Type, 2}, {m.Subtype, 3}, {m.Time, 4}}
}

// RouteID is the id under which a body travels that Scan cannot read: a hash
// of its source and bytes. It is for routing only and is never claimed.
func RouteID(source lake.SourceID, body []byte) lake.ID { return lake.ID{} }

// ParseTime reads a date and time by RFC 3339.
func ParseTime(b []byte) (lake.Instant, bool) { return 0, false }

// Scanner is the scratch memory of one goroutine.
type Scanner struct{ t *Transformer }

// Scan reads one event.
func (s *Scanner) Scan(source lake.SourceID, body []byte, received lake.Instant, row *Row) *lake.Refusal {
	return &lake.Refusal{Reason: lake.ReasonMalformed}
}
