package lake

import (
	"fmt"
	"strings"
)

// Name is the two-part name of an event as partitions use it: path-safe, never
// empty. The true name stays in the columns event_type and event_subtype.
type Name struct {
	Type    string `json:"type"`
	Subtype string `json:"subtype"`
}

// OtherName takes the place of a type or subtype beyond the configured cap.
const OtherName = "other"

// Partition is where an event belongs: a pure function of its payload (and of
// the cap on names), never of when it arrived. So two copies of an event meet.
type Partition struct {
	Name
	Day Day `json:"day"` // UTC date of the event's own time
}

// Dir is the partition's path below "raw/", Hive style:
// event_type=T/event_subtype=S/year=YYYY/month=MM/day=DD.
func (p Partition) Dir() string {
	t := p.Day.Start().Time()
	return fmt.Sprintf("event_type=%s/event_subtype=%s/year=%04d/month=%02d/day=%02d",
		p.Type, p.Subtype, t.Year(), t.Month(), t.Day())
}

// Kind is what a File holds.
type Kind string

// The kinds of files in the ledger.
const (
	KindRaw        Kind = "raw"        // enriched events, gzip NDJSON, one partition
	KindQuarantine Kind = "quarantine" // refused events with their reasons, gzip NDJSON
)

// File is an immutable object that the ledger vouches for. A file that is not
// in the ledger is not data.
//
// An object that a delivery service wrote is known by its name and size only:
// Events, CRC and the times are 0, and its span is its place in the order of
// arrival (see package arrivals).
type File struct {
	Key       Key       `json:"key"`
	Kind      Kind      `json:"kind"`
	Partition Partition `json:"partition"` // for quarantine: only Day, the day of Received
	Shard     ShardID   `json:"shard"`
	Span      Span      `json:"span"` // the records that it may hold events of
	Events    int64     `json:"events"`
	Bytes     int64     `json:"bytes"`    // compressed size
	CRC       uint32    `json:"crc"`      // CRC-32C of the object's bytes
	MinTime   Instant   `json:"min_time"` // earliest event time (raw) or receive time (quarantine)
	MaxTime   Instant   `json:"max_time"`
	Received  Instant   `json:"received"` // latest log time in the file
}

// Vouched reports whether the events and the checksum of the file are known,
// so that a reader can hold its content against them.
func (f *File) Vouched() bool { return f.Events > 0 }

// TableName names a table: lower-case letters, digits and '_', at most 128
// bytes, not starting with a digit.
type TableName string

// EventsView is the name of the view over all tables; no table has it.
const EventsView TableName = "events"

// Table returns the name of the table that the partition type's events live
// in: lower-cased, '-' and '.' as '_', with a '_' in front of a leading digit
// and behind a reserved name. Types that differ only there share a table; the
// event_type column tells them apart.
func (n Name) Table() TableName {
	var b strings.Builder
	for _, c := range []byte(strings.ToLower(n.Type)) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			c = '_'
		}
		if b.Len() == 0 && c >= '0' && c <= '9' {
			b.WriteByte('_')
		}
		b.WriteByte(c)
	}
	t := TableName(b.String())
	if t == EventsView {
		t += "_"
	}
	return t
}
