package transform

import (
	"bytes"

	"github.com/eventlake/lake"
)

// fillTime sets the event's own time.
func (s *Scanner) fillTime(body []byte, received lake.Instant, row *Row) *lake.Refusal {
	v := s.raw(body, slotTime)
	if v == nil {
		return &lake.Refusal{Reason: lake.ReasonNoTime, Detail: "there is nothing at " + s.t.m.Time.String()}
	}
	var ok bool
	switch {
	case v[0] == '"':
		row.Created, ok = s.timeText(v[1 : len(v)-1])
	case v[0] == '-' || v[0]-'0' <= 9:
		row.Created, ok = parseEpoch(v)
	default:
		return &lake.Refusal{Reason: lake.ReasonBadTime, Detail: "the time is " + kindOf(v) + ", not a string or a number"}
	}
	if !ok {
		if v[0] == '"' {
			v = v[1 : len(v)-1] // quoted brings its own
		}
		return &lake.Refusal{Reason: lake.ReasonBadTime,
			Detail: "the time " + quoted(v) + " is neither a date and time (RFC 3339) nor unix s, ms, us or ns"}
	}
	if row.Created < s.t.m.Earliest {
		return &lake.Refusal{Reason: lake.ReasonOutOfRange,
			Detail: row.Created.String() + " is before " + s.t.m.Earliest.String()}
	}
	if latest := received.Add(s.t.m.Future); row.Created > latest {
		return &lake.Refusal{Reason: lake.ReasonOutOfRange,
			Detail: row.Created.String() + " is after " + latest.String() + ", the limit when it was received"}
	}
	return nil
}

// timeText reads a time in a string as it stands in the body.
func (s *Scanner) timeText(text []byte) (lake.Instant, bool) {
	if t, ok := ParseTime(text); ok {
		return t, true
	}
	if bytes.IndexByte(text, '\\') >= 0 {
		s.timeBuf = unescaped(text, s.timeBuf[:0]) // not in s.buf: number takes that for its digits
		text = s.timeBuf
		if t, ok := ParseTime(text); ok {
			return t, true
		}
	}
	if len(text) == 0 || text[0] != '-' && text[0]-'0' > 9 || len(text) > maxEpoch {
		return 0, false
	}
	if end, _ := s.number(text, 0); end != len(text) {
		return 0, false
	}
	return parseEpoch(text)
}
