// Package replay takes events out of raw again: to a stream, another lake or a
// file with their original ids, or into rebuilt tables. None of it can count an
// event twice: a published copy meets the claim of its id, and a rebuilt table
// replaces the old one in a single table commit.
package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Range says which events are meant. Zero values mean all.
type Range struct {
	Types   []string        // partition types, compared without case
	Sources []lake.SourceID // files do not know them: each event is looked at
	From    *lake.Instant   // event time, inclusive; nil is no bound
	To      *lake.Instant   // event time, exclusive; nil is no bound
}

// Validate returns ErrInvalid when no time is meant.
func (r Range) Validate() error {
	if r.From != nil && r.To != nil && *r.To <= *r.From {
		return nothingBetween(dayOrTime(*r.From), dayOrTime(*r.To))
	}
	return nil
}

// within reports whether something from first to last touches a range.
func within[T cmp.Ordered](first, last T, from, to *T) bool {
	return (from == nil || last >= *from) && (to == nil || first < *to)
}

func nothingBetween(from, to fmt.Stringer) error {
	return lake.Errorf(lake.ErrInvalid, "name a later end: a range ends before it", "there is nothing from %s to %s", from, to)
}

// dayOrTime shows a time as it was probably written.
func dayOrTime(i lake.Instant) fmt.Stringer {
	if d := i.Day(); d.Start() == i {
		return d
	}
	return i
}

// Holds reports whether an event of that partition type, source and time is
// meant.
func (r Range) Holds(partitionType string, source lake.SourceID, created lake.Instant) bool {
	return r.HoldsType(partitionType) && r.HoldsSource(source) && within(created, created, r.From, r.To)
}

// HoldsSource reports whether events of the source are meant.
func (r Range) HoldsSource(s lake.SourceID) bool {
	return len(r.Sources) == 0 || slices.Contains(r.Sources, s)
}

// HoldsType reports whether events of the partition type are meant.
func (r Range) HoldsType(t string) bool {
	return len(r.Types) == 0 || slices.ContainsFunc(r.Types, func(want string) bool { return strings.EqualFold(want, t) })
}

// mayHold reports whether a file can hold events that are meant.
func (r Range) mayHold(f lake.File) bool {
	return r.HoldsType(f.Partition.Type) && within(f.MinTime, f.MaxTime, r.From, r.To)
}

// Select returns the raw files that can hold events of the range, oldest log
// time first.
func Select(j lake.Journal, r Range) []lake.File {
	var files []lake.File
	for f := range j.Files(lake.KindRaw) {
		if r.mayHold(f) {
			files = append(files, f)
		}
	}
	slices.SortStableFunc(files, func(a, b lake.File) int {
		return cmp.Or(cmp.Compare(a.Received, b.Received), cmp.Compare(a.Key, b.Key))
	})
	return files
}

// eachEvent gives every event of a file that the range holds: its body as the
// producer sent it and what the lake had added. Both are valid until each
// returns.
func eachEvent(ctx context.Context, lines *raw.Reader, f lake.File, r Range, each func(body []byte, f *raw.Fields) error) error {
	var fields raw.Fields
	var body []byte
	return lines.EachLine(ctx, f, func(line []byte) error {
		open, err := raw.Split(line, &fields)
		if err != nil || !r.Holds(f.Partition.Type, fields.Source, fields.Created) {
			return err
		}
		body = append(append(body[:0], open...), '}')
		return each(body, &fields)
	})
}
