package shred

import (
	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
)

// node is one column of the tree with the data of the batch. It has one
// instance for each valid instance of its parent (a row, a struct, a list
// element); instances that were not mentioned are filled in as null, late and
// in bulk.
type node struct {
	id      lake.ColumnID // 0 until the column is in the schema
	name    string
	doc     string
	kind    lake.ColumnType
	json    bool
	sibling bool // holds what does not fit the first column of its field
	times   bool // a new string column whose values all were times so far

	n      int    // instances
	valid  []byte // 1 or 0 an instance
	nvalid int
	vals   column.Values // scalars: one a valid instance

	obj   *object  // struct: its fields
	elem  *node    // list: its element; nil until one is seen
	lens  []uint32 // list: elements of each valid instance
	total int      // list: elements so far
}

// object is the fields of a struct, or of the row.
type object struct {
	fields []*field
	byKey  map[string]*field
	hint   int     // the field that comes next when keys keep their order
	order  []*node // the columns in schema order
	names  map[string]bool
	rest   *node
	extra  []byte // the members of this instance that go to rest
}

// field is the columns that one JSON key's values go to: the first, and one
// sibling a type for what does not fit it.
type field struct {
	key  string
	cols []*node
	seen int // the instance that had the key last
}

func newObject() *object {
	return &object{byKey: map[string]*field{}, names: map[string]bool{}}
}

func (n *node) isNew() bool { return n.id == 0 }

// live reports whether the node has a type that Parquet can hold: an object or
// a list that never had content waits.
func (n *node) live() bool {
	switch n.kind {
	case lake.TypeStruct:
		for _, c := range n.obj.order {
			if c.live() {
				return true
			}
		}
		return false
	case lake.TypeList:
		return n.elem != nil && n.elem.live()
	}
	return true
}

// waits reports whether the node is a new object or list without content: what
// comes next decides what it is.
func (n *node) waits() bool { return n.isNew() && !n.live() }

// pad adds null instances up to the count.
func (n *node) pad(to int) {
	if d := to - n.n; d > 0 {
		have := len(n.valid)
		if cap(n.valid) < to {
			grown := make([]byte, have, max(2*cap(n.valid), to, 64))
			copy(grown, n.valid)
			n.valid = grown
		}
		n.valid = n.valid[:to]
		clear(n.valid[have:])
		n.n = to
	}
}

// begin adds a valid instance, the one numbered count.
func (n *node) begin(count int) {
	if n.n != count-1 {
		n.pad(count - 1)
	}
	n.valid = append(n.valid, 1)
	n.n++
	n.nvalid++
}

// truncate takes back the instances from number to on.
func (n *node) truncate(to int) {
	if n.n <= to {
		return
	}
	for _, v := range n.valid[to:] {
		n.nvalid -= int(v)
	}
	n.valid, n.n = n.valid[:to], to
	switch n.kind {
	case lake.TypeStruct:
		n.obj.extra = n.obj.extra[:0] // of an instance that did not come to its end
		for _, c := range n.obj.order {
			c.truncate(n.nvalid)
		}
	case lake.TypeList:
		for _, l := range n.lens[n.nvalid:] {
			n.total -= int(l)
		}
		n.lens = n.lens[:n.nvalid]
		if n.elem != nil {
			n.elem.truncate(n.total)
		}
	default:
		n.vals.Truncate(n.kind, n.nvalid)
	}
}

// reset empties the node for the next batch and keeps its memory.
func (n *node) reset() {
	n.n, n.nvalid, n.total = 0, 0, 0
	n.valid, n.lens = n.valid[:0], n.lens[:0]
	n.vals.Reset()
	if n.obj != nil {
		n.obj.reset()
	}
	if n.elem != nil {
		n.elem.reset()
	}
}

func (o *object) reset() {
	for _, f := range o.fields {
		f.seen = 0
	}
	for _, c := range o.order {
		c.reset()
	}
	o.extra = o.extra[:0]
}
