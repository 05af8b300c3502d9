package firehose

import (
	"bytes"

	"github.com/eventlake/lake"
)

// prefix stands before the name of a member that the lake adds to an event
// which has a member of that name itself (see package raw).
const prefix = "lake_"

// place is what the end of a line must say for jq to read the partition.
type place struct {
	names []byte // `,"event_type":"T","event_subtype":"S"`
	day   []byte // `2026-11-01T`
}

func placeOf(p lake.Partition) place {
	return place{
		names: []byte(`,"event_type":"` + p.Type + `","event_subtype":"` + p.Subtype + `"`),
		day:   []byte(p.Day.String() + "T"),
	}
}

// holds reports whether jq reads from the line the partition that the line was
// put into. The line ends in the members that the lake added, in their order,
// none of which has a quote or a backslash in its value but for the names.
func (p *place) holds(line []byte) bool {
	rest, _, ok := afterNames(line)
	if !ok {
		return false
	}
	rest, created, ok := cutLast(rest, `,"created_datetime":`)
	return ok && bytes.HasPrefix(created, p.day) && bytes.HasSuffix(rest, p.names)
}

// positionOf is the position that a line names.
func positionOf(line []byte) (lake.Position, bool) {
	_, position, ok := afterNames(line)
	if !ok {
		return lake.Position{}, false
	}
	p, err := lake.ParsePosition(string(position))
	return p, err == nil
}

// afterNames takes what follows on the names and the time of the event off the
// line: source, shard, position, received_at, and weak_id where there is one.
func afterNames(line []byte) (rest, position []byte, ok bool) {
	rest, ok = bytes.CutSuffix(line, []byte("}\n"))
	if !ok {
		return nil, nil, false
	}
	if weak, is := bytes.CutSuffix(rest, []byte(`weak_id":true`)); is {
		if rest, ok = cutName(weak); !ok {
			return nil, nil, false
		}
	}
	if rest, _, ok = cutMember(rest, `received_at":`); !ok {
		return nil, nil, false
	}
	if rest, position, ok = cutMember(rest, `position":`); !ok {
		return nil, nil, false
	}
	if rest, _, ok = cutMember(rest, `shard":`); !ok {
		return nil, nil, false
	}
	rest, _, ok = cutMember(rest, `source":`)
	return rest, position, ok
}

// cutMember takes the last member off, whose name may have prefixes and ends
// in the end given.
func cutMember(line []byte, end string) (rest, value []byte, ok bool) {
	if rest, value, ok = cutLast(line, end); !ok {
		return nil, nil, false
	}
	rest, ok = cutName(rest)
	return rest, value, ok
}

// cutLast takes end and the string behind it off the line.
func cutLast(line []byte, end string) (rest, value []byte, ok bool) {
	last := len(line) - 1
	if last < 0 || line[last] != '"' {
		return nil, nil, false
	}
	first := bytes.LastIndexByte(line[:last], '"')
	if first < len(end) || string(line[first-len(end):first]) != end {
		return nil, nil, false
	}
	return line[:first-len(end)], line[first+1 : last], true
}

// cutName takes the beginning of a member off: the comma, the quote, prefixes.
func cutName(line []byte) (rest []byte, ok bool) {
	for bytes.HasSuffix(line, []byte(prefix)) {
		line = line[:len(line)-len(prefix)]
	}
	return bytes.CutSuffix(line, []byte(`,"`))
}
