package transform

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/eventlake/lake"
)

// Mapping says where the events of one source keep what the lake needs, and
// which times are believable.
type Mapping struct {
	ID      Path // string or integer; empty: every event gets a weak id
	Name    Path // "type:subtype"; excludes Type and Subtype
	Type    Path // string
	Subtype Path // string; only together with Type
	Time    Path // text as ParseTime reads it, or a unix time, see the package's comment

	DefaultType    string // for events without a name; empty: such events are refused
	DefaultSubtype string // for events without a subtype; 1 to 256 bytes

	Earliest lake.Instant  // older events are refused
	Future   time.Duration // events later than the log time plus this are refused
	MaxDepth int           // nesting of objects and arrays, 1 to MaxMaxDepth; the event itself is 1
}

// MaxMaxDepth is the largest Mapping.MaxDepth.
const MaxMaxDepth = 1000

// maxText is the longest id, name, type and subtype in bytes.
const maxText = 256

// DefaultMapping is the lake's own envelope: event_uuid, event_name
// ("type:subtype") and created_at, from the year 2000 to a day ahead.
func DefaultMapping() Mapping {
	return Mapping{
		ID:             Path{"event_uuid"},
		Name:           Path{"event_name"},
		Time:           Path{"created_at"},
		DefaultSubtype: "none",
		Earliest:       lake.InstantOf(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)),
		Future:         24 * time.Hour,
		MaxDepth:       64,
	}
}

// validate returns every problem of the mapping, joined.
func (m *Mapping) validate() error {
	var all []error
	problem := func(hint, format string, args ...any) {
		all = append(all, lake.Errorf(lake.ErrInvalid, hint, format, args...))
	}
	for _, f := range m.fields() {
		if len(f.path) == 0 {
			continue
		}
		if err := f.path.validate(); err != nil {
			all = append(all, err)
		}
	}
	switch {
	case len(m.Name) > 0 && len(m.Type)+len(m.Subtype) > 0:
		problem(`map either name ("type:subtype") or type and subtype`, "both a name and a type or subtype are mapped")
	case len(m.Name) == 0 && len(m.Type) == 0 && m.DefaultType == "":
		problem("map name, or type, or give a default type", "events have no name")
	case len(m.Subtype) > 0 && len(m.Type) == 0 && m.DefaultType == "":
		problem("map the type too, or give a default type", "a subtype is mapped without a type")
	}
	if len(m.Time) == 0 {
		problem("map the time of the event, e.g. time: created_at", "events have no time")
	}
	if len(m.DefaultType) > maxText || !utf8.ValidString(m.DefaultType) {
		problem("use at most 256 bytes of UTF-8", "default type %.40q", m.DefaultType)
	}
	if m.DefaultSubtype == "" || len(m.DefaultSubtype) > maxText || !utf8.ValidString(m.DefaultSubtype) {
		problem("use 1 to 256 bytes of UTF-8, e.g. none", "default subtype %.40q", m.DefaultSubtype)
	}
	if m.Future < 0 {
		problem("use a duration of 0 or more, e.g. 24h", "future limit %s", m.Future)
	}
	if m.MaxDepth < 1 || m.MaxDepth > MaxMaxDepth {
		problem("use 1 to 1000, e.g. 64", "maximum depth %d", m.MaxDepth)
	}
	return errors.Join(all...)
}
