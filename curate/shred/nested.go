package shred

import "github.com/eventlake/lake"

// putObject reads an object of nesting depth at its brace.
func (s *Shredder) putObject(in *scanner, o *object, f *field, key []byte, count, depth int) error {
	if depth > s.limits.Depth || f.takesAll() {
		return s.putWhole(in, o, f, key, count)
	}
	c := s.column(o, f, lake.TypeStruct, false)
	if c == nil {
		return s.restWhole(in, o, key)
	}
	c.begin(count)
	in.i++
	return s.members(in, c.obj, c.nvalid, depth)
}

// putWhole keeps the next value as JSON text.
func (s *Shredder) putWhole(in *scanner, o *object, f *field, key []byte, count int) error {
	value, err := in.skip()
	if err != nil {
		return err
	}
	if s.putJSON(o, f, value, count) {
		return nil
	}
	return s.toRest(o, key, value)
}

func (s *Shredder) restWhole(in *scanner, o *object, key []byte) error {
	value, err := in.skip()
	if err != nil {
		return err
	}
	return s.toRest(o, key, value)
}

// putList reads a list of nesting depth at its bracket.
func (s *Shredder) putList(in *scanner, o *object, f *field, key []byte, count, depth int) error {
	if depth > s.limits.Depth || f.takesAll() {
		return s.putWhole(in, o, f, key, count)
	}
	look := *in
	sh, err := look.shape(s.limits.Depth - depth + 1)
	if err != nil {
		return err
	}
	if sh.leaf == shapeMixed {
		return s.putWhole(in, o, f, key, count)
	}
	c := f.find(lake.TypeList, false)
	if c != nil && !c.fits(sh) {
		if !c.waits() {
			return s.putWhole(in, o, f, key, count)
		}
		o.drop(f, c)
		c = nil
	}
	if c == nil {
		if c = s.column(o, f, lake.TypeList, false); c == nil {
			return s.restWhole(in, o, key)
		}
	} else if sh.leaf != shapeNone && c.waits() && s.leaves >= s.limits.Columns {
		return s.restWhole(in, o, key) // it had room when it was empty; others took that
	}
	c.begin(count)
	return s.elements(in, c, sh, depth)
}

// elements reads a list at its bracket into the instance that was begun.
func (s *Shredder) elements(in *scanner, l *node, sh shape, depth int) error {
	in.i++
	l.lens = append(l.lens, 0)
	if l.elem == nil && (sh.leaf != shapeNone || sh.nest > 1) {
		l.elem = s.element(sh)
	}
	for {
		c := in.peek()
		switch {
		case c == ']':
			in.i++
			return nil
		case c == ',':
			in.i++
			continue
		case c == 0 || c == '}' || c == ':':
			return corrupt("byte %d: a list has no end", in.i)
		}
		l.total++
		l.lens[len(l.lens)-1]++
		if err := s.elementValue(in, l, sh, c, depth); err != nil {
			return err
		}
	}
}

// element makes the element column of a new list.
func (s *Shredder) element(sh shape) *node {
	e := &node{name: "element", kind: sh.leaf.columnType()}
	switch {
	case sh.nest > 1:
		e.kind = lake.TypeList
	case sh.leaf == shapeStruct:
		e.obj = newObject()
	default:
		s.leaves++
	}
	return e
}

func (s *Shredder) elementValue(in *scanner, l *node, sh shape, c byte, depth int) error {
	e := l.elem
	switch {
	case c == 'n':
		return in.null()
	case e == nil:
		return corrupt("byte %d: a list of nothing has an element", in.i)
	case c == '[' && e.kind == lake.TypeList:
		e.begin(l.total)
		return s.elements(in, e, shape{sh.nest - 1, sh.leaf, sh.exact}, depth+1)
	case c == '{' && e.kind == lake.TypeStruct:
		e.begin(l.total)
		in.i++
		return s.members(in, e.obj, e.nvalid, depth+1)
	case c == '"' && e.kind == lake.TypeString:
		text, escaped, err := in.text()
		if err != nil {
			return err
		}
		e.begin(l.total)
		if escaped {
			e.vals.Text = appendText(e.vals.Text, text)
			e.vals.EndString()
		} else {
			e.vals.AddString(text)
		}
		return nil
	}
	tok := in.token()
	if e.kind == lake.TypeBool && len(tok) > 0 {
		e.begin(l.total)
		e.vals.Bools = append(e.vals.Bools, bit(tok[0] == 't'))
		return nil
	}
	kind, i, x := number(tok)
	if kind == numBad || kind == numText || e.kind != lake.TypeLong && e.kind != lake.TypeDouble {
		return corrupt("%.50q is no element of its list", tok)
	}
	e.begin(l.total)
	e.putNumber(kind, i, x, tok)
	return nil
}
