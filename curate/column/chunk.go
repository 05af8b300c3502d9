package column

import "github.com/eventlake/lake"

// Chunk is the data of one leaf for a run of rows. Rep and Def hold one level
// a slot; Rep is empty when the leaf is not repeated, Def when it is required.
// Values hold one entry a slot whose Def is the leaf's MaxDef.
type Chunk struct {
	Slots int
	Rep   []byte
	Def   []byte
	Values
}

// Values are dense typed values; only the field of the column's type is used.
type Values struct {
	Bools  []byte    // 0 or 1
	Ints   []int64   // int, long, timestamptz (microseconds)
	Floats []float64 // double
	Fixed  []byte    // uuid, 16 bytes each
	Text   []byte    // string: all bytes, one after another
	Ends   []uint32  // string: where each ends in Text
}

// Reset empties the values and keeps the memory.
func (v *Values) Reset() {
	v.Bools, v.Ints, v.Floats = v.Bools[:0], v.Ints[:0], v.Floats[:0]
	v.Fixed, v.Text, v.Ends = v.Fixed[:0], v.Text[:0], v.Ends[:0]
}

// Len returns the number of values of the type.
func (v *Values) Len(t lake.ColumnType) int {
	switch t {
	case lake.TypeBool:
		return len(v.Bools)
	case lake.TypeDouble:
		return len(v.Floats)
	case lake.TypeUUID:
		return len(v.Fixed) / 16
	case lake.TypeString:
		return len(v.Ends)
	}
	return len(v.Ints)
}

// Truncate keeps the first n values of the type.
func (v *Values) Truncate(t lake.ColumnType, n int) {
	switch t {
	case lake.TypeBool:
		v.Bools = v.Bools[:n]
	case lake.TypeDouble:
		v.Floats = v.Floats[:n]
	case lake.TypeUUID:
		v.Fixed = v.Fixed[:16*n]
	case lake.TypeString:
		v.Ends = v.Ends[:n]
		v.Text = v.Text[:v.end(n)]
	default:
		v.Ints = v.Ints[:n]
	}
}

// end is where the first n strings end.
func (v *Values) end(n int) uint32 {
	if n == 0 {
		return 0
	}
	return v.Ends[n-1]
}

// String returns string i; it points into Text.
func (v *Values) String(i int) []byte { return v.Text[v.end(i):v.Ends[i]] }

// AddString appends one string.
func (v *Values) AddString(b []byte) {
	v.Text = append(v.Text, b...)
	v.Ends = append(v.Ends, uint32(len(v.Text)))
}

// AddStrings appends strings that lie one after another in text: string i is
// text[bounds[i]:bounds[i+1]].
func (v *Values) AddStrings(text []byte, bounds []uint32) {
	if len(bounds) < 2 {
		return
	}
	v.addRun(text, bounds[0], bounds[1:])
}

// addRun appends the strings of text that begin at first and end at ends, of
// which there is at least one.
func (v *Values) addRun(text []byte, first uint32, ends []uint32) {
	base, at := uint32(len(v.Text))-first, len(v.Ends)
	v.Text = append(v.Text, text[first:ends[len(ends)-1]]...)
	v.Ends = append(v.Ends, ends...)
	for i := range v.Ends[at:] {
		v.Ends[at+i] += base
	}
}

// EndString makes what was appended to Text since the last string one string.
func (v *Values) EndString() { v.Ends = append(v.Ends, uint32(len(v.Text))) }

// Append copies values [from, to) of src.
func (v *Values) Append(t lake.ColumnType, src *Values, from, to int) {
	switch t {
	case lake.TypeBool:
		v.Bools = append(v.Bools, src.Bools[from:to]...)
	case lake.TypeDouble:
		v.Floats = append(v.Floats, src.Floats[from:to]...)
	case lake.TypeUUID:
		v.Fixed = append(v.Fixed, src.Fixed[16*from:16*to]...)
	case lake.TypeString:
		if from < to {
			v.addRun(src.Text, src.end(from), src.Ends[from:to])
		}
	default:
		v.Ints = append(v.Ints, src.Ints[from:to]...)
	}
}

// Bytes is the memory in use, not counting spare capacity.
func (v *Values) Bytes() int64 {
	return int64(len(v.Bools) + 8*len(v.Ints) + 8*len(v.Floats) + len(v.Fixed) + len(v.Text) + 4*len(v.Ends))
}

// Reset empties the chunk and keeps the memory.
func (c *Chunk) Reset() {
	c.Slots, c.Rep, c.Def = 0, c.Rep[:0], c.Def[:0]
	c.Values.Reset()
}

// Bytes is the memory in use.
func (c *Chunk) Bytes() int64 { return int64(len(c.Rep)+len(c.Def)) + c.Values.Bytes() }

// Scatter deals the rows of the chunk out: row i goes to out[to[i]]. The outs
// keep what they hold.
func (c *Chunk) Scatter(l *Leaf, to []uint32, out []Chunk) {
	slot, value := 0, 0
	for _, d := range to {
		o := &out[d]
		start, first := slot, value
		for {
			if l.MaxDef == 0 || c.Def[slot] == l.MaxDef {
				value++
			}
			slot++
			if l.MaxRep == 0 || slot == c.Slots || c.Rep[slot] == 0 {
				break
			}
		}
		o.Slots += slot - start
		if l.MaxRep > 0 {
			o.Rep = append(o.Rep, c.Rep[start:slot]...)
		}
		if l.MaxDef > 0 {
			o.Def = append(o.Def, c.Def[start:slot]...)
		}
		o.Append(l.Type, &c.Values, first, value)
	}
}
