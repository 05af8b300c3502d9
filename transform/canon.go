package transform

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"
)

// canonical writes the canonical form of a body, see the package's comment. It
// takes the body as sound: the scanner has been over it.
type canonical struct {
	out     []byte
	members []member // of all objects that are being written
	sorted  []byte   // an object's members in order
	text    []byte
	digits  []byte
}

// member is where a member stands in out.
type member struct{ start, keyEnd, end int }

// value writes the value at b[i] and returns where it ends.
func (c *canonical) value(b []byte, i int) (end int) {
	switch b[i] {
	case '{':
		return c.object(b, i+1)
	case '[':
		return c.array(b, i+1)
	case '"':
		return c.string(b, i+1)
	case 't', 'n':
		c.out = append(c.out, b[i:i+4]...)
		return i + 4
	case 'f':
		c.out = append(c.out, b[i:i+5]...)
		return i + 5
	}
	return c.number(b, i)
}

func (c *canonical) array(b []byte, i int) int {
	c.out = append(c.out, '[')
	for i = skip(b, i); b[i] != ']'; {
		if b[i] == ',' {
			c.out = append(c.out, ',')
			i = skip(b, i+1)
		}
		i = skip(b, c.value(b, i))
	}
	c.out = append(c.out, ']')
	return i + 1
}

// object writes the members as they come and then puts them in order. Members
// of the same key keep their order: the last one usually counts.
func (c *canonical) object(b []byte, i int) int {
	c.out = append(c.out, '{')
	first, inOrder := len(c.members), true
	for i = skip(b, i); b[i] != '}'; {
		if b[i] == ',' {
			c.out = append(c.out, ',')
			i = skip(b, i+1)
		}
		m := member{start: len(c.out)}
		i = skip(b, c.string(b, i+1))
		m.keyEnd = len(c.out)
		c.out = append(c.out, ':')
		i = skip(b, c.value(b, skip(b, i+1)))
		m.end = len(c.out)
		if n := len(c.members); n > first && c.compare(c.members[n-1], m) > 0 {
			inOrder = false
		}
		c.members = append(c.members, m)
	}
	if !inOrder {
		c.sort(c.members[first:])
	}
	c.members = c.members[:first]
	c.out = append(c.out, '}')
	return i + 1
}

// compare orders members by the bytes of their canonical keys.
func (c *canonical) compare(m, n member) int {
	return bytes.Compare(c.out[m.start+1:m.keyEnd-1], c.out[n.start+1:n.keyEnd-1])
}

func (c *canonical) sort(members []member) {
	start := members[0].start
	slices.SortStableFunc(members, c.compare)
	c.sorted = c.sorted[:0]
	for i, m := range members {
		if i > 0 {
			c.sorted = append(c.sorted, ',')
		}
		c.sorted = append(c.sorted, c.out[m.start:m.end]...)
	}
	c.out = append(c.out[:start], c.sorted...)
}

// string writes the string behind whose opening quote i is.
func (c *canonical) string(b []byte, i int) int {
	c.out = append(c.out, '"')
	end := i
	for b[end] != '"' {
		if b[end] == '\\' {
			end++
		}
		end++
	}
	text := b[i:end]
	if bytes.IndexByte(text, '\\') < 0 {
		c.out = append(c.out, text...)
	} else {
		c.text = unescaped(text, c.text[:0])
		for _, t := range c.text {
			c.out = appendPlain(c.out, t)
		}
	}
	c.out = append(c.out, '"')
	return end + 1
}

func appendPlain(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c < ' ':
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(dst, c)
}

func (c *canonical) number(b []byte, i int) int {
	end := i
	for end < len(b) && b[end] < utf8.RuneSelf && bytes.IndexByte([]byte("+-.0123456789eE"), b[end]) >= 0 {
		end++
	}
	d := decimal{digits: c.digits[:0]}
	d.parse(b[i:end])
	c.digits = d.digits
	if d.negative {
		c.out = append(c.out, '-')
	}
	if len(d.digits) == 0 {
		c.out = append(c.out, '0')
		return end
	}
	c.out = append(c.out, d.digits...)
	if d.exp != 0 {
		c.out = strconv.AppendInt(append(c.out, 'e'), d.exp, 10)
	}
	return end
}
