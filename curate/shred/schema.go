package shred

import "github.com/eventlake/lake"

// adopt adds a column of the stored schema to the object.
func (s *Shredder) adopt(o *object, c *lake.Column) {
	n := s.nodeOf(c)
	o.names[c.Name] = true
	o.order = append(o.order, n)
	if c.Doc == restDoc { // its name may be _rest__2
		o.rest = n
		return
	}
	key := keyOf(c)
	f := o.byKey[key]
	if f == nil {
		f = o.addField(key, 0)
	}
	n.sibling = len(f.cols) > 0
	f.cols = append(f.cols, n)
}

func (s *Shredder) nodeOf(c *lake.Column) *node {
	n := &node{id: c.ID, name: c.Name, doc: c.Doc, kind: c.Type, json: c.JSON}
	switch c.Type {
	case lake.TypeStruct:
		n.obj = newObject()
		for i := range c.Fields {
			s.adopt(n.obj, &c.Fields[i])
		}
	case lake.TypeList:
		n.elem = s.nodeOf(&c.Fields[0])
	case lake.TypeInt: // its values are read as long from now on
		n.kind = lake.TypeLong
		s.leaves++
	default:
		s.leaves++
	}
	return n
}

// Schema fixes the types of new columns, gives them ids and returns the schema
// that the rows since the last Reset need. Columns that wait for content are
// not part of it and lose what they hold, which is nothing but emptiness.
func (s *Shredder) Schema() lake.Schema {
	s.root.prune()
	out := lake.Schema{Columns: lake.SystemColumns()}
	out.Columns = append(out.Columns, s.columns(s.root, s.keep.Columns)...)
	out.LastID = s.lastID
	s.leaves = countLeaves(s.root) + systemColumns
	return out
}

func (s *Shredder) columns(o *object, keep []lake.Column) []lake.Column {
	out := make([]lake.Column, 0, len(o.order))
	for _, n := range o.order {
		out = append(out, s.columnOf(n, keep))
	}
	return out
}

func (s *Shredder) columnOf(n *node, keep []lake.Column) lake.Column {
	if n.isNew() && n.times && n.nvalid > 0 {
		n.toTimes()
	}
	var kept []lake.Column
	for i := range keep {
		if k := &keep[i]; k.Name == n.name && k.Doc == n.doc && k.JSON == n.json && k.Type == n.kind && !k.Required {
			kept = k.Fields
			if n.isNew() {
				n.id = k.ID
			}
		}
	}
	if n.isNew() {
		s.lastID++
		n.id = s.lastID
	}
	c := lake.Column{ID: n.id, Name: n.name, Type: n.kind, JSON: n.json, Doc: n.doc}
	switch n.kind {
	case lake.TypeStruct:
		c.Fields = s.columns(n.obj, kept)
	case lake.TypeList:
		c.Fields = []lake.Column{s.columnOf(n.elem, kept)}
	}
	return c
}

// toTimes turns a string column whose values are all times into a time column.
func (n *node) toTimes() {
	n.times = false
	ints := n.vals.Ints[:0]
	for i := range n.vals.Ends {
		t, ok := ParseTime(n.vals.String(i))
		if !ok {
			return
		}
		ints = append(ints, t)
	}
	n.vals.Reset()
	n.vals.Ints, n.kind = ints, lake.TypeTimestamp
}

// prune forgets new columns that no schema holds: all that are not live, or
// that are still new when the rows are dropped.
func (o *object) prune() {
	kept := o.order[:0]
	for _, n := range o.order {
		if n.isNew() && !n.live() {
			delete(o.names, n.name)
			if n == o.rest {
				o.rest = nil
			}
			continue
		}
		kept = append(kept, n)
		for e := n; e != nil; e = e.elem {
			if e.obj != nil {
				e.obj.prune()
			}
		}
	}
	clear(o.order[len(kept):])
	o.order = kept
	fields := o.fields[:0]
	for _, f := range o.fields {
		cols := f.cols[:0]
		for _, n := range f.cols {
			if !n.isNew() || n.live() {
				cols = append(cols, n)
			}
		}
		f.cols = cols
		if len(cols) == 0 {
			delete(o.byKey, f.key)
			continue
		}
		fields = append(fields, f)
	}
	clear(o.fields[len(fields):])
	o.fields = fields
}

func countLeaves(o *object) (n int) {
	for _, c := range o.order {
		e := c
		for e.elem != nil {
			e = e.elem
		}
		if e.obj != nil {
			n += countLeaves(e.obj)
		} else {
			n++
		}
	}
	return n
}
