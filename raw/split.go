package raw

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// Split takes a raw line apart: body is the event's own part of it without the
// closing brace (`{"a":1` or `{`), f what the lake had added. Type and Subtype
// point into the line unless they had to be unescaped. A line that was not
// written by Append is ErrCorrupt.
func Split(line []byte, f *Fields) (body []byte, err error) {
	line = bytes.TrimRight(line, "\r\n")
	// Inside a JSON string a quote is escaped, and event_id is the first and
	// only added member of that name: its last occurrence is ours.
	at := bytes.LastIndex(line, []byte(`event_id":"`))
	if at < 1 {
		return nil, corrupt("no event_id")
	}
	start := at
	for bytes.HasSuffix(line[:start], []byte(Prefix)) {
		start -= len(Prefix)
	}
	if start < 2 || line[start-1] != '"' {
		return nil, corrupt("event_id is no key")
	}
	body = line[:start-1]
	if n := len(body); n > 1 && body[n-1] == ',' {
		body = body[:n-1]
	}
	return body, f.parse(line[start-1:])
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("raw line: %s: %w", fmt.Sprintf(format, args...), lake.ErrCorrupt)
}

// parse reads the added members from `"event_id":"..."` to the closing brace.
func (f *Fields) parse(rest []byte) error {
	var values [len(keys)][]byte
	f.Taken, f.Weak = 0, false
	for i := range keys {
		if i == len(keys)-1 && len(rest) > 0 && rest[0] == '}' {
			break // weak_id is there only when true
		}
		name, after, ok := cutKey(rest)
		if !ok {
			return corrupt("member %s", keys[i])
		}
		bare := name
		for strings.HasPrefix(bare, Prefix) {
			bare = bare[len(Prefix):]
		}
		if bare != keys[i] {
			return corrupt("member %s where %s was expected", name, keys[i])
		}
		if bare != name {
			f.Taken |= 1 << i
		}
		if i == len(keys)-1 {
			if !bytes.Equal(after, []byte("true}")) {
				return corrupt("member %s", name)
			}
			f.Weak = true
			rest = after[4:]
			break
		}
		if values[i], rest, ok = cutString(after); !ok {
			return corrupt("value of %s", name)
		}
	}
	if string(rest) != "}" {
		return corrupt("bytes after the last member")
	}
	return f.set(values[:])
}

func (f *Fields) set(v [][]byte) (err error) {
	if f.ID, err = parseHex(v[0]); err != nil {
		return err
	}
	f.Type, f.Subtype = unescape(v[1]), unescape(v[2])
	if f.Created, err = parseInstant(v[3]); err != nil {
		return err
	}
	if string(f.Source) != string(v[4]) { // keep the old string: neighbours mostly agree
		f.Source = lake.SourceID(v[4])
	}
	if string(f.Shard) != string(v[5]) {
		f.Shard = lake.ShardID(v[5])
	}
	if f.Position, err = parsePosition(v[6]); err != nil {
		return err
	}
	f.Received, err = parseInstant(v[7])
	return err
}

func cutKey(b []byte) (name string, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return "", nil, false
	}
	n := bytes.IndexByte(b[1:], '"')
	if n < 0 || len(b) < n+3 || b[n+2] != ':' {
		return "", nil, false
	}
	return intern(b[1 : n+1]), b[n+3:], true
}

// intern avoids an allocation for the usual, unprefixed names.
func intern(b []byte) string {
	for _, k := range keys {
		if string(b) == k {
			return k
		}
	}
	return string(b)
}

// cutString cuts `"..."` and a following comma.
func cutString(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			value, rest = b[1:i], b[i+1:]
			if len(rest) > 0 && rest[0] == ',' {
				rest = rest[1:]
			}
			return value, rest, true
		}
	}
	return nil, nil, false
}

func unescape(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		if b[i] == 'u' && i+4 < len(b) {
			out = append(out, unhex(b[i+3])<<4|unhex(b[i+4]))
			i += 4
			continue
		}
		out = append(out, b[i])
	}
	return out
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

func parseHex(b []byte) (id lake.ID, err error) {
	if len(b) != 2*len(id) {
		return id, corrupt("event_id %q", b)
	}
	for i := range id {
		hi, lo := unhex(b[2*i]), unhex(b[2*i+1])
		if hi|lo == 0xff {
			return id, corrupt("event_id %q", b)
		}
		id[i] = hi<<4 | lo
	}
	return id, nil
}

// parseInstant reads YYYY-MM-DDTHH:MM:SS.ffffffZ.
func parseInstant(b []byte) (lake.Instant, error) {
	if len(b) != len(timeLayout) || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' || b[26] != 'Z' {
		return 0, corrupt("time %q", b)
	}
	num := func(from, to int) (n int) {
		for _, c := range b[from:to] {
			if c < '0' || c > '9' {
				return -1 << 40
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	y, mo, d := num(0, 4), num(5, 7), num(8, 10)
	h, mi, s, us := num(11, 13), num(14, 16), num(17, 19), num(20, 26)
	if y < 0 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 59 || us < 0 {
		return 0, corrupt("time %q", b)
	}
	t := time.Date(y, time.Month(mo), d, h, mi, s, us*1000, time.UTC)
	return lake.InstantOf(t), nil
}

func parsePosition(b []byte) (lake.Position, error) {
	if len(b) <= 18 {
		n := uint64(0)
		for _, c := range b {
			if c < '0' || c > '9' {
				return lake.ParsePosition(string(b))
			}
			n = n*10 + uint64(c-'0')
		}
		if len(b) > 0 {
			return lake.Pos(n), nil
		}
	}
	return lake.ParsePosition(string(b))
}
