package curate

import (
	"encoding/binary"

	"github.com/eventlake/lake"
)

// idSet is the ids of one batch with the receipt that each came with. Ids are
// hashes already, so their own bits place them.
type idSet struct {
	slots []idSlot
	n     int
}

type idSlot struct {
	id      lake.ID
	receipt uint64 // never 0 for a slot in use
}

// add puts the id in. When it is there already, same tells whether it came
// with the same receipt: one record read twice, not two copies of an event.
func (s *idSet) add(id lake.ID, receipt uint64) (added, same bool) {
	if 4*(s.n+1) > 3*len(s.slots) {
		s.grow()
	}
	receipt |= 1
	mask := uint64(len(s.slots) - 1)
	for i := binary.LittleEndian.Uint64(id[:]) & mask; ; i = (i + 1) & mask {
		at := &s.slots[i]
		if at.receipt == 0 {
			*at = idSlot{id, receipt}
			s.n++
			return true, false
		}
		if at.id == id {
			return false, at.receipt == receipt
		}
	}
}

func (s *idSet) grow() {
	old := s.slots
	s.slots = make([]idSlot, max(1024, 2*len(old)))
	s.n = 0
	for _, o := range old {
		if o.receipt != 0 {
			s.add(o.id, o.receipt)
		}
	}
}

// reset empties the set; a large table is given back.
func (s *idSet) reset() {
	if len(s.slots) > 1<<18 {
		s.slots = nil
	}
	clear(s.slots)
	s.n = 0
}
