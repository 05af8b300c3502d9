package shred

import (
	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
)

// slots are the levels of one node's instances, its parents' absences
// included.
type slots struct{ rep, def []byte }

// Each calls fn for every leaf of the schema that Schema returned last, in
// order, with the leaf's data of all rows. The chunk is valid during the call.
func (s *Shredder) Each(fn func(leaf int, c *column.Chunk) error) error {
	for i := range s.system {
		s.system[i].Slots = s.rows
		if err := fn(i, &s.system[i]); err != nil {
			return err
		}
	}
	e := emitter{next: systemColumns, fn: fn}
	for _, n := range s.root.order {
		n.pad(s.rows)
		if n.obj == nil && n.elem == nil {
			if err := e.leaf(n, nil, n.valid); err != nil {
				return err
			}
			continue
		}
		if err := e.node(n, slots{def: make([]byte, s.rows)}, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// Present reports for every top-level column of the schema whether a row has
// a value in it.
func (s *Shredder) Present() []bool {
	out := make([]bool, systemColumns, systemColumns+len(s.root.order))
	for i := range out {
		out[i] = true
	}
	for _, n := range s.root.order {
		out = append(out, n.nvalid > 0)
	}
	return out
}

type emitter struct {
	next int
	fn   func(int, *column.Chunk) error
}

func (e *emitter) leaf(n *node, rep, def []byte) error {
	c := column.Chunk{Slots: len(def), Rep: rep, Def: def, Values: n.vals}
	err := e.fn(e.next, &c)
	e.next++
	return err
}

// node works out the levels of n from those of its parent, which is present
// at slots with level def at nesting rep of lists.
func (e *emitter) node(n *node, parent slots, def, rep byte) error {
	own := slots{rep: parent.rep, def: make([]byte, len(parent.def))}
	k := 0
	for i, d := range parent.def {
		if d == def {
			if k < n.n {
				d += n.valid[k]
			}
			k++
		}
		own.def[i] = d
	}
	def++
	switch n.kind {
	case lake.TypeStruct:
		for _, c := range n.obj.order {
			if err := e.node(c, own, def, rep); err != nil {
				return err
			}
		}
		return nil
	case lake.TypeList:
		return e.node(n.elem, n.spread(own, def, rep), def+1, rep+1)
	}
	return e.leaf(n, own.rep, own.def)
}

// spread makes one slot an element: an empty list keeps one at its own level.
func (n *node) spread(own slots, def, rep byte) slots {
	size := len(own.def) + n.total
	out := slots{rep: make([]byte, 0, size), def: make([]byte, 0, size)}
	k := 0
	for i, d := range own.def {
		first := byte(0)
		if rep > 0 {
			first = own.rep[i]
		}
		count := uint32(0)
		if d == def {
			count = n.lens[k]
			k++
		}
		if count == 0 {
			out.rep, out.def = append(out.rep, first), append(out.def, d)
		}
		for j := range count {
			out.def = append(out.def, def+1)
			if j > 0 {
				first = rep + 1
			}
			out.rep = append(out.rep, first)
		}
	}
	return out
}
