package parquetfile

import (
	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake/curate/column"
)

// Limits of a dictionary. A column that has more different values is stored
// plainly.
const (
	dictBytes = 512 << 10
	dictSlack = 256 // different values allowed in any case; beyond it a third
)

// dictionary maps strings to codes in order of first appearance.
type dictionary struct {
	values column.Values
	codes  []int32
	table  []int32 // code + 1, open addressing
	hashes []uint64
}

// build fills the dictionary and the codes of the n strings, and reports
// whether that is shorter than the strings themselves.
func (d *dictionary) build(v *column.Values, n int) bool {
	d.values.Reset()
	d.codes, d.hashes = d.codes[:0], d.hashes[:0]
	if len(d.table) == 0 {
		d.table = make([]int32, 1024)
	}
	clear(d.table)
	if n < 2 {
		return false
	}
	for i := range n {
		s := v.String(i)
		if i > 0 { // runs are common in events
			if last := d.codes[i-1]; string(d.values.String(int(last))) == string(s) {
				d.codes = append(d.codes, last)
				continue
			}
		}
		code := d.code(s)
		d.codes = append(d.codes, code)
		if len(d.values.Ends) > dictSlack+i/3 || len(d.values.Text) > dictBytes {
			return false
		}
	}
	return len(d.values.Text)+4*len(d.values.Ends)+n < len(v.Text)+4*n
}

func (d *dictionary) code(s []byte) int32 {
	h := xxh3.Hash(s)
	mask := uint64(len(d.table) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		c := d.table[i]
		if c == 0 {
			d.values.AddString(s)
			d.hashes = append(d.hashes, h)
			c = int32(len(d.hashes))
			d.table[i] = c
			if 2*len(d.hashes) > len(d.table) {
				d.grow()
			}
			return c - 1
		}
		if d.hashes[c-1] == h && string(d.values.String(int(c-1))) == string(s) {
			return c - 1
		}
	}
}

func (d *dictionary) grow() {
	d.table = make([]int32, 2*len(d.table))
	mask := uint64(len(d.table) - 1)
	for c, h := range d.hashes {
		i := h & mask
		for d.table[i] != 0 {
			i = (i + 1) & mask
		}
		d.table[i] = int32(c + 1)
	}
}
