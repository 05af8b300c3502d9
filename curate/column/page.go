package column

import "github.com/eventlake/lake"

// Cut is a place between two rows of a chunk.
type Cut struct {
	Slot  int // slots before it
	Value int // values before it
	Rows  int64
}

// Next returns the cut behind the rows that begin at slot and value: as many
// whole rows as fit in the slots and bytes of text, at least one. Rows counts
// those rows.
func (c *Chunk) Next(l *Leaf, slot, value, slots, text int) Cut {
	limit := min(c.Slots, slot+slots)
	if l.MaxRep == 0 && l.MaxDef == 0 && l.Type != lake.TypeString {
		return Cut{limit, value + limit - slot, int64(limit - slot)}
	}
	at := Cut{Slot: slot, Value: value}
	first := int(c.end(0))
	if l.Type == lake.TypeString {
		first = int(c.end(value))
	}
	for at.Slot < c.Slots {
		next := at
		for {
			if l.MaxDef == 0 || c.Def[next.Slot] == l.MaxDef {
				next.Value++
			}
			next.Slot++
			if l.MaxRep == 0 || next.Slot == c.Slots || c.Rep[next.Slot] == 0 {
				break
			}
		}
		next.Rows++
		if at.Rows > 0 && (next.Slot > limit || l.Type == lake.TypeString && int(c.end(next.Value))-first > text) {
			break
		}
		at = next
	}
	return at
}
