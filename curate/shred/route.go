package shred

import (
	"slices"

	"github.com/eventlake/lake"
)

// first is the field's first column, nil when it has none yet.
func (f *field) first() *node {
	if len(f.cols) == 0 {
		return nil
	}
	return f.cols[0]
}

// takesAll reports whether the field holds JSON text of every value.
func (f *field) takesAll() bool { return len(f.cols) > 0 && f.cols[0].json }

// find returns the field's column of a type, nil when it has none.
func (f *field) find(kind lake.ColumnType, json bool) *node {
	for _, c := range f.cols {
		if c.kind == kind && c.json == json {
			return c
		}
	}
	return nil
}

// column returns the field's column of a type, made when it is not there; nil
// when there is no room for it. A first column that only waits for content
// gives way.
func (s *Shredder) column(o *object, f *field, kind lake.ColumnType, json bool) *node {
	if c := f.find(kind, json); c != nil {
		return c
	}
	if !s.room(o) {
		return nil
	}
	if c := f.first(); c != nil && len(f.cols) == 1 && c.waits() {
		o.drop(f, c)
	}
	c := &node{kind: kind, json: json, doc: docOf(f.key)}
	if base := f.first(); base == nil {
		c.name = o.freeName(cleanName(f.key))
	} else {
		c.name = o.freeName(base.name + "__" + typeWord(kind, json))
		c.sibling = true
	}
	switch kind {
	case lake.TypeStruct:
		c.obj = newObject()
	case lake.TypeList:
	default:
		s.leaves++
	}
	f.cols = append(f.cols, c)
	o.order = append(o.order, c)
	return c
}

func typeWord(kind lake.ColumnType, json bool) string {
	switch {
	case json:
		return "json"
	case kind == lake.TypeTimestamp:
		return "timestamp"
	}
	return string(kind)
}

// drop takes a column that waits out of its object and field.
func (o *object) drop(f *field, c *node) {
	same := func(n *node) bool { return n == c }
	o.order = slices.DeleteFunc(o.order, same)
	f.cols = slices.DeleteFunc(f.cols, same)
	delete(o.names, c.name)
}

// putJSON keeps a value as JSON text, in the field's first column when that
// holds JSON or nothing else is there.
func (s *Shredder) putJSON(o *object, f *field, value []byte, count int) bool {
	c := s.column(o, f, lake.TypeString, true)
	if c == nil {
		return false
	}
	c.begin(count)
	c.vals.AddString(value)
	return true
}

// putText puts a string; quoted is it with its quotes. False: no room.
func (s *Shredder) putText(o *object, f *field, quoted, text []byte, escaped bool, count int) bool {
	if f.takesAll() {
		return s.putJSON(o, f, quoted, count)
	}
	c := f.first()
	switch {
	case c != nil && c.kind == lake.TypeString:
	case c != nil && c.kind == lake.TypeTimestamp:
		plain := text
		if escaped {
			s.long = appendText(s.long[:0], text)
			plain = s.long
		}
		if t, ok := ParseTime(plain); ok {
			c.begin(count)
			c.vals.Ints = append(c.vals.Ints, t)
			return true
		}
		c = nil
	default:
		c = nil
	}
	if c == nil {
		if c = s.column(o, f, lake.TypeString, false); c == nil {
			return false
		}
		c.times = c.isNew() && !c.sibling && (c.n == 0 || c.times)
	}
	c.begin(count)
	if escaped {
		c.vals.Text = appendText(c.vals.Text, text)
		c.vals.EndString()
	} else {
		c.vals.AddString(text)
	}
	if c.times {
		_, c.times = ParseTime(c.vals.String(len(c.vals.Ends) - 1))
	}
	return true
}

// putToken puts a number, true or false. False: no room.
func (s *Shredder) putToken(o *object, f *field, tok []byte, count int) (bool, error) {
	switch string(tok) {
	case "true", "false":
		if f.takesAll() {
			return s.putJSON(o, f, tok, count), nil
		}
		c := s.column(o, f, lake.TypeBool, false)
		if c == nil {
			return false, nil
		}
		c.begin(count)
		c.vals.Bools = append(c.vals.Bools, bit(tok[0] == 't'))
		return true, nil
	}
	kind, i, x := number(tok)
	if kind == numBad {
		return false, corrupt("%.50q is no JSON value", tok)
	}
	if f.takesAll() {
		return s.putJSON(o, f, tok, count), nil
	}
	c := s.numberColumn(o, f, kind, i, x)
	if c == nil {
		return false, nil
	}
	c.begin(count)
	c.putNumber(kind, i, x, tok)
	return true, nil
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// putNumber appends the value of an instance that was begun; the column takes
// it.
func (n *node) putNumber(kind numKind, i int64, x float64, tok []byte) {
	switch {
	case n.kind == lake.TypeString:
		n.vals.AddString(tok)
		n.times = false
	case n.kind == lake.TypeDouble && kind == numLong:
		n.vals.Floats = append(n.vals.Floats, float64(i))
	case n.kind == lake.TypeDouble:
		n.vals.Floats = append(n.vals.Floats, x)
	case kind == numLong:
		n.vals.Ints = append(n.vals.Ints, i)
	default:
		n.vals.Ints = append(n.vals.Ints, int64(x))
	}
}

// takes reports whether the column keeps the number to the digit.
func (n *node) takes(kind numKind, i int64, x float64) bool {
	switch n.kind {
	case lake.TypeLong:
		return kind == numLong || kind == numFloat && fitsLong(x) && !n.isNew()
	case lake.TypeDouble:
		return kind == numFloat || kind == numLong && fitsFloat(i)
	}
	return false
}

// numberColumn chooses the column for a number; nil when there is no room.
func (s *Shredder) numberColumn(o *object, f *field, kind numKind, i int64, x float64) *node {
	if kind == numText {
		return s.column(o, f, lake.TypeString, false)
	}
	for _, c := range f.cols {
		if c.takes(kind, i, x) {
			return c
		}
	}
	if c := f.first(); c != nil && kind == numFloat && c.kind == lake.TypeLong && c.widen() {
		return c
	}
	if kind == numLong {
		return s.column(o, f, lake.TypeLong, false)
	}
	return s.column(o, f, lake.TypeDouble, false)
}

// widen makes a new long column a double one, when all its values are float64s.
func (n *node) widen() bool {
	if !n.isNew() || n.kind != lake.TypeLong {
		return false
	}
	for _, i := range n.vals.Ints {
		if !fitsFloat(i) {
			return false
		}
	}
	for _, i := range n.vals.Ints {
		n.vals.Floats = append(n.vals.Floats, float64(i))
	}
	n.vals.Ints = n.vals.Ints[:0]
	n.kind = lake.TypeDouble
	return true
}
