package column

import (
	"slices"

	"github.com/eventlake/lake"
)

// AppendChunk appends all rows of src, which is a chunk of the same leaf.
func (c *Chunk) AppendChunk(l *Leaf, src *Chunk) {
	c.Slots += src.Slots
	c.Rep = append(c.Rep, src.Rep...)
	c.Def = append(c.Def, src.Def...)
	c.Append(l.Type, &src.Values, 0, src.Len(l.Type))
}

// Gatherer collects rows of chunks in another order. It keeps its memory
// between chunks.
type Gatherer struct {
	slots  []uint32 // where each row begins
	values []uint32 // values before each slot
	picked []uint32 // values in their new order
}

// Gather appends the rows of c to out, in the order of rows.
func (g *Gatherer) Gather(l *Leaf, c *Chunk, rows []uint32, out *Chunk) {
	if l.MaxDef == 0 { // a row is a slot is a value
		out.Slots += len(rows)
		out.gather(l.Type, &c.Values, rows)
		return
	}
	g.index(l, c)
	g.picked = g.picked[:0]
	if l.MaxRep == 0 {
		out.Slots += len(rows)
		out.Def = slices.Grow(out.Def, len(rows))
		for _, r := range rows {
			d := c.Def[r]
			out.Def = append(out.Def, d)
			if d == l.MaxDef {
				g.picked = append(g.picked, g.values[r])
			}
		}
	} else {
		for _, r := range rows {
			a, b := g.slots[r], g.slots[r+1]
			out.Slots += int(b - a)
			out.Rep = append(out.Rep, c.Rep[a:b]...)
			out.Def = append(out.Def, c.Def[a:b]...)
			for v := g.values[a]; v < g.values[b]; v++ {
				g.picked = append(g.picked, v)
			}
		}
	}
	out.gather(l.Type, &c.Values, g.picked)
}

// index finds where rows begin in slots, and slots in values.
func (g *Gatherer) index(l *Leaf, c *Chunk) {
	g.slots, g.values = g.slots[:0], slices.Grow(g.values[:0], c.Slots+1)
	if l.MaxRep > 0 {
		for i, r := range c.Rep {
			if r == 0 {
				g.slots = append(g.slots, uint32(i))
			}
		}
		g.slots = append(g.slots, uint32(c.Slots))
	}
	before := uint32(0)
	for _, d := range c.Def {
		g.values = append(g.values, before)
		if d == l.MaxDef {
			before++
		}
	}
	g.values = append(g.values, before)
}

// gather appends the values of src at these places.
func (v *Values) gather(t lake.ColumnType, src *Values, at []uint32) {
	switch t {
	case lake.TypeBool:
		v.Bools = pick(v.Bools, src.Bools, at)
	case lake.TypeDouble:
		v.Floats = pick(v.Floats, src.Floats, at)
	case lake.TypeUUID:
		v.Fixed = slices.Grow(v.Fixed, 16*len(at))
		for _, i := range at {
			v.Fixed = append(v.Fixed, src.Fixed[16*i:16*i+16]...)
		}
	case lake.TypeString:
		size := 0
		for _, i := range at {
			size += int(src.Ends[i] - src.end(int(i)))
		}
		v.Text = slices.Grow(v.Text, size)
		v.Ends = slices.Grow(v.Ends, len(at))
		for _, i := range at {
			v.Text = append(v.Text, src.Text[src.end(int(i)):src.Ends[i]]...)
			v.Ends = append(v.Ends, uint32(len(v.Text)))
		}
	default:
		v.Ints = pick(v.Ints, src.Ints, at)
	}
}

func pick[T any](dst, src []T, at []uint32) []T {
	dst = slices.Grow(dst, len(at))
	for _, i := range at {
		dst = append(dst, src[i])
	}
	return dst
}
