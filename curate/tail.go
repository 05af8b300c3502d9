package curate

import (
	"bytes"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/shred"
	"github.com/eventlake/lake/raw"
)

// split is raw.Split for the usual line, read from its end: no member of the
// event has the name of an added one, the id is not weak, names need no
// escape. Every other line is left to raw.Split.
func split(line []byte, f *raw.Fields) (body []byte, err error) {
	if body = splitTail(line, f); body != nil {
		return body, nil
	}
	return raw.Split(line, f)
}

const timeLength = len("2006-01-02T15:04:05.000000Z")

func splitTail(line []byte, f *raw.Fields) []byte {
	t := tail{rest: bytes.TrimSuffix(line, []byte("\n")), ok: true}
	t.cut(`"}`)
	received := t.last(timeLength)
	t.cut(`","received_at":"`)
	position := t.value()
	t.cut(`","position":"`)
	shard := t.value()
	t.cut(`","shard":"`)
	source := t.value()
	t.cut(`","source":"`)
	created := t.last(timeLength)
	t.cut(`","created_datetime":"`)
	subtype := t.value()
	t.cut(`","event_subtype":"`)
	kind := t.value()
	t.cut(`","event_type":"`)
	id := t.last(2 * len(f.ID))
	t.cut(`"event_id":"`)
	n, isNumber := decimal(position)
	if !t.ok || !isNumber || len(t.rest) == 0 || !parseID(id, &f.ID) {
		return nil
	}
	at, ok1 := shred.ParseTime(created)
	log, ok2 := shred.ParseTime(received)
	if !ok1 || !ok2 {
		return nil
	}
	f.Weak, f.Taken = false, 0
	f.Type, f.Subtype = kind, subtype
	f.Created, f.Received, f.Position = lake.Instant(at), lake.Instant(log), lake.Pos(n)
	if string(f.Source) != string(source) { // keep the old string: neighbours mostly agree
		f.Source = lake.SourceID(source)
	}
	if string(f.Shard) != string(shard) {
		f.Shard = lake.ShardID(shard)
	}
	if last := len(t.rest) - 1; t.rest[last] == ',' {
		return t.rest[:last]
	}
	return t.rest
}

// tail takes bytes off the end of a line.
type tail struct {
	rest []byte
	ok   bool
}

func (t *tail) cut(s string) {
	n := len(t.rest) - len(s)
	if !t.ok || n < 0 || string(t.rest[n:]) != s {
		t.ok = false
		return
	}
	t.rest = t.rest[:n]
}

func (t *tail) last(n int) []byte {
	if !t.ok || len(t.rest) < n {
		t.ok = false
		return nil
	}
	at := len(t.rest) - n
	v := t.rest[at:]
	t.rest = t.rest[:at]
	return v
}

// value takes the bytes behind the last quote; not ok when one was escaped.
func (t *tail) value() []byte {
	if !t.ok {
		return nil
	}
	at := bytes.LastIndexByte(t.rest, '"') + 1
	v := t.rest[at:]
	if at < 2 || t.rest[at-2] == '\\' || bytes.IndexByte(v, '\\') >= 0 {
		t.ok = false
		return nil
	}
	t.rest = t.rest[:at]
	return v
}

func decimal(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

func parseID(b []byte, id *lake.ID) bool {
	for i := range id {
		hi, lo := nibble(b[2*i]), nibble(b[2*i+1])
		if hi|lo > 15 {
			return false
		}
		id[i] = hi<<4 | lo
	}
	return true
}

// nibble is the value of a lower-case hex digit, above 15 for another byte. It
// has no branch that depends on which digit it is.
func nibble(c byte) byte {
	letter := c >> 6 // 1 for a letter, 0 for a digit
	n := c&15 + 9*letter
	if c != hexDigits[n&15] {
		return 0xff
	}
	return n
}

const hexDigits = "0123456789abcdef"
