package collect

import (
	"strconv"
	"unicode/utf8"

	"github.com/eventlake/lake"
)

// refused is an event that is kept aside.
type refused struct {
	index  int
	reason lake.Reason
	detail string
}

// answer appends the JSON answer to a stored request. One result an event, in
// the order in which they came; a minimal answer has only the quarantined ones.
func answer(b []byte, id string, events int, bad []refused, minimal bool) []byte {
	b = append(b, `{"request_id":`...)
	b = appendString(b, id)
	b = append(b, `,"accepted":`...)
	b = strconv.AppendInt(b, int64(events-len(bad)), 10)
	b = append(b, `,"quarantined":`...)
	b = strconv.AppendInt(b, int64(len(bad)), 10)
	b = append(b, `,"results":[`...)
	for i, next := 0, 0; i < events; i++ {
		if next < len(bad) && bad[next].index == i {
			b = append(b, `{"index":`...)
			b = strconv.AppendInt(b, int64(i), 10)
			b = append(b, `,"status":"quarantined","reason":"`...)
			b = append(b, bad[next].reason...)
			b = append(b, `","detail":`...)
			b = appendString(b, bad[next].detail)
			b = append(b, `},`...)
			next++
			continue
		}
		if minimal {
			continue
		}
		b = append(b, `{"index":`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `,"status":"accepted"},`...)
	}
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, "]}\n"...)
}

// appendString appends s as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c < 0x20 || c == 0x7f:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			default:
				b = append(b, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b = utf8.AppendRune(b, r)
		i += n
	}
	return append(b, '"')
}
