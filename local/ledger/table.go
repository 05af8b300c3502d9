package ledger

import "math/bits"

// cellBits of an ID's first bits choose the cell of a table. Cells grow one by
// one, so no growth stops claims for long or doubles the memory at once; and
// since they split the IDs by range, sealing sorts one cell at a time.
const (
	cellBits = 6
	cells    = 1 << cellBits
)

// A cell is at most maxLoadTenths/10 full and then grows by half of a third.
const (
	maxLoadTenths = 7
	minCell       = 16
)

// table maps IDs to claims: open addressing with linear probing, 32 bytes a
// slot. The hash is keyed, so that nobody can choose IDs that collide.
type table struct {
	cells [cells]cell
	count int
	seed  [2]uint64
}

type cell struct {
	slots []entry
	count int
}

func newTable(seed [2]uint64) *table { return &table{seed: seed} }

func (t *table) hash(hi, lo uint64) uint64 {
	a, b := bits.Mul64(hi^t.seed[0], lo^t.seed[1])
	return a ^ b
}

func cellOf(hi uint64) uint64 { return hi >> (64 - cellBits) }

// touch reads the slot where the search for an ID begins. Done for many IDs in
// a row it makes the memory fetches overlap that find would wait for in turn.
func (t *table) touch(hi, h uint64) owner {
	c := &t.cells[cellOf(hi)]
	if len(c.slots) == 0 {
		return 0
	}
	i, _ := bits.Mul64(h, uint64(len(c.slots)))
	return c.slots[i].owner
}

// find returns the entry of the ID, nil when there is none. It is valid until
// the next insert.
func (t *table) find(hi, lo, h uint64) *entry {
	c := &t.cells[cellOf(hi)]
	n := uint64(len(c.slots))
	if n == 0 {
		return nil
	}
	i, _ := bits.Mul64(h, n)
	for {
		s := &c.slots[i]
		if s.owner == 0 {
			return nil
		}
		if s.hi == hi && s.lo == lo {
			return s
		}
		if i++; i == n {
			i = 0
		}
	}
}

// insert adds an entry whose ID is not in the table.
func (t *table) insert(e *entry, h uint64) {
	c := &t.cells[cellOf(e.hi)]
	if (c.count+1)*10 > len(c.slots)*maxLoadTenths {
		t.grow(c)
	}
	c.place(e, h)
	c.count++
	t.count++
}

func (c *cell) place(e *entry, h uint64) {
	n := uint64(len(c.slots))
	i, _ := bits.Mul64(h, n)
	for c.slots[i].owner != 0 {
		if i++; i == n {
			i = 0
		}
	}
	c.slots[i] = *e
}

func (t *table) grow(c *cell) {
	old := c.slots
	n := len(old) * 2
	if n > 4096 {
		n = len(old) + len(old)*3/10
	}
	c.slots = make([]entry, max(n, minCell))
	for i := range old {
		if e := &old[i]; e.owner != 0 {
			c.place(e, t.hash(e.hi, e.lo))
		}
	}
}

// put inserts an entry, or replaces the one of its ID unless that is younger.
// Replaying claims in any order of commits so ends in the same table.
func (t *table) put(e *entry) {
	h := t.hash(e.hi, e.lo)
	if old := t.find(e.hi, e.lo, h); old == nil {
		t.insert(e, h)
	} else if old.time <= e.time {
		*old = *e
	}
}

// clear empties the table and keeps its memory.
func (t *table) clear() {
	for i := range t.cells {
		c := &t.cells[i]
		clear(c.slots)
		c.count = 0
	}
	t.count = 0
}

// bytes is the memory that the slots take.
func (t *table) bytes() (n int64) {
	for i := range t.cells {
		n += int64(cap(t.cells[i].slots)) * entrySize
	}
	return n
}
