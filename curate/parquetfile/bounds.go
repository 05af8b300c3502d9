package parquetfile

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
)

// Lengths in bytes beyond which bounds of strings are shortened or left out.
const (
	icebergBound = 16 // shortened in ColumnStat
	indexBound   = 64 // shortened in the page index, left out of the chunk statistics
)

// bounds are the smallest and largest value of a run. Text is copied.
type bounds struct {
	some       bool
	exact      bool // false when a run without known bounds was merged in
	minI, maxI int64
	minF, maxF float64
	min, max   []byte // string, uuid
}

// of computes the bounds of values [from, to).
func (b *bounds) of(t lake.ColumnType, v *column.Values, from, to int) {
	*b = bounds{some: to > from, exact: true}
	if !b.some {
		return
	}
	switch t {
	case lake.TypeBool:
		b.minI, b.maxI = 1, 0
		for _, x := range v.Bools[from:to] {
			b.minI, b.maxI = min(b.minI, int64(x)), max(b.maxI, int64(x))
		}
	case lake.TypeDouble:
		b.minF, b.maxF = v.Floats[from], v.Floats[from]
		for _, x := range v.Floats[from:to] {
			b.minF, b.maxF = min(b.minF, x), max(b.maxF, x)
		}
	case lake.TypeString:
		lo, hi := v.String(from), v.String(from)
		for i := from + 1; i < to; i++ {
			s := v.String(i)
			if bytes.Compare(s, lo) < 0 {
				lo = s
			} else if bytes.Compare(s, hi) > 0 {
				hi = s
			}
		}
		b.min, b.max = bytes.Clone(lo), bytes.Clone(hi)
	case lake.TypeUUID:
		lo, hi := v.Fixed[16*from:16*from+16], v.Fixed[16*from:16*from+16]
		for i := from + 1; i < to; i++ {
			s := v.Fixed[16*i : 16*i+16]
			if bytes.Compare(s, lo) < 0 {
				lo = s
			} else if bytes.Compare(s, hi) > 0 {
				hi = s
			}
		}
		b.min, b.max = bytes.Clone(lo), bytes.Clone(hi)
	default:
		b.minI, b.maxI = v.Ints[from], v.Ints[from]
		for _, x := range v.Ints[from:to] {
			b.minI, b.maxI = min(b.minI, x), max(b.maxI, x)
		}
	}
}

// merge widens b to hold c too.
func (b *bounds) merge(l *column.Leaf, c *bounds) {
	if !c.some {
		return
	}
	if !b.some {
		exact := b.exact && c.exact
		*b = *c
		b.exact = exact
		return
	}
	b.exact = b.exact && c.exact
	b.minI, b.maxI = min(b.minI, c.minI), max(b.maxI, c.maxI)
	b.minF, b.maxF = min(b.minF, c.minF), max(b.maxF, c.maxF)
	if l.Type == lake.TypeString || l.Type == lake.TypeUUID {
		if bytes.Compare(c.min, b.min) < 0 {
			b.min = c.min
		}
		if bytes.Compare(c.max, b.max) > 0 {
			b.max = c.max
		}
	}
}

// plain returns the bounds in PLAIN encoding, whole.
func (b *bounds) plain(t lake.ColumnType) (lower, upper []byte) {
	switch t {
	case lake.TypeBool:
		return []byte{byte(b.minI)}, []byte{byte(b.maxI)}
	case lake.TypeInt:
		return le32(b.minI), le32(b.maxI)
	case lake.TypeDouble:
		lo, hi := b.minF, b.maxF
		if lo == 0 {
			lo = math.Copysign(0, -1)
		}
		if hi == 0 {
			hi = 0
		}
		return le64(math.Float64bits(lo)), le64(math.Float64bits(hi))
	case lake.TypeString, lake.TypeUUID:
		return b.min, b.max
	}
	return le64(uint64(b.minI)), le64(uint64(b.maxI))
}

// parse reads bounds in PLAIN encoding.
func (b *bounds) parse(t lake.ColumnType, lower, upper []byte) error {
	b.some = true
	if w := width(t); w > 0 && (len(lower) != w || len(upper) != w) {
		return corrupt("bounds of %d and %d bytes for %s", len(lower), len(upper), t)
	}
	switch t {
	case lake.TypeString, lake.TypeUUID:
		b.min, b.max = lower, upper
	case lake.TypeBool:
		b.minI, b.maxI = int64(lower[0]), int64(upper[0])
	case lake.TypeInt:
		b.minI, b.maxI = int64(int32(binary.LittleEndian.Uint32(lower))), int64(int32(binary.LittleEndian.Uint32(upper)))
	case lake.TypeDouble:
		b.minF, b.maxF = math.Float64frombits(binary.LittleEndian.Uint64(lower)), math.Float64frombits(binary.LittleEndian.Uint64(upper))
	default:
		b.minI, b.maxI = int64(binary.LittleEndian.Uint64(lower)), int64(binary.LittleEndian.Uint64(upper))
	}
	return nil
}

// width is the length of a value in PLAIN encoding; 0 is any.
func width(t lake.ColumnType) int {
	switch t {
	case lake.TypeBool:
		return 1
	case lake.TypeInt:
		return 4
	case lake.TypeUUID:
		return 16
	case lake.TypeString:
		return 0
	}
	return 8
}

// iceberg returns the bounds for a ColumnStat; nil where there are none to
// tell: no value, JSON text, elements of lists.
func (b *bounds) iceberg(l *column.Leaf) (lower, upper []byte) {
	if !b.some || !b.exact || l.JSON || l.MaxRep > 0 {
		return nil, nil
	}
	lower, upper = b.plain(l.Type)
	if l.Type == lake.TypeString {
		return cutLower(lower, icebergBound), cutUpper(upper, icebergBound)
	}
	return lower, upper
}

// cutLower shortens s to at most n bytes at a rune's edge; what comes out is
// not larger than s.
func cutLower(s []byte, n int) []byte {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// cutUpper shortens s to at most n bytes and raises its last rune that can be
// raised, so that what comes out is larger than s; nil when there is no such.
func cutUpper(s []byte, n int) []byte {
	if len(s) <= n {
		return s
	}
	p := cutLower(s, n)
	for len(p) > 0 {
		r, size := utf8.DecodeLastRune(p)
		p = p[:len(p)-size]
		if r == utf8.RuneError && size < 2 {
			continue
		}
		r++
		if r == 0xD800 {
			r = 0xE000
		}
		if r <= utf8.MaxRune {
			return utf8.AppendRune(bytes.Clone(p), r)
		}
	}
	return nil
}

func le32(v int64) []byte  { return binary.LittleEndian.AppendUint32(nil, uint32(int32(v))) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
