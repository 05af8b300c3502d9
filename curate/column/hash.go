package column

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
)

// HashRows calls fn with a hash of what each row has in the leaf. It depends
// on path and values only, not on ids; a row without any value in the leaf has the
// hash 0, and a long the hash of the double of the same value.
func (c *Chunk) HashRows(l *Leaf, fn func(row int, h uint64)) {
	seed := xxh3.HashString(strings.Join(l.Path, "\x00"))
	var buf []byte
	for slot, value, row := 0, 0, 0; slot < c.Slots; row++ {
		buf = buf[:0]
		empty := true
		for {
			def := l.MaxDef
			if l.MaxDef > 0 {
				def = c.Def[slot]
			}
			if l.MaxRep > 0 {
				buf = append(buf, c.Rep[slot], def)
			}
			if def == l.MaxDef {
				empty = false
				buf = c.appendValue(buf, l.Type, value)
				value++
			}
			slot++
			if l.MaxRep == 0 || slot == c.Slots || c.Rep[slot] == 0 {
				break
			}
		}
		h := uint64(0)
		if !empty {
			h = xxh3.HashSeed(buf, seed)
		}
		fn(row, h)
	}
}

func (v *Values) appendValue(b []byte, t lake.ColumnType, i int) []byte {
	switch t {
	case lake.TypeBool:
		return append(b, v.Bools[i])
	case lake.TypeDouble:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Floats[i]))
	case lake.TypeUUID:
		return append(b, v.Fixed[16*i:16*i+16]...)
	case lake.TypeString:
		s := v.String(i)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		return append(b, s...)
	case lake.TypeLong, lake.TypeInt:
		n := v.Ints[i]
		if f := float64(n); f < math.MaxInt64 && int64(f) == n {
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
		}
		return binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return binary.LittleEndian.AppendUint64(b, uint64(v.Ints[i]))
}
