package transform

import (
	"encoding/binary"
	"math/bits"

	"github.com/eventlake/lake"
)

// exact is how many digits a uint64 always holds.
const exact = 19

// number reads a number by the grammar of JSON and hashes its exact decimal
// value: however it is written, the same number has the same hash.
func (s *Scanner) number(b []byte, i int) (end int, h uint64) {
	start := i
	if b[i] == '-' {
		i++
	}
	first, n := i, uint64(0)
	i, n = run(b, i, n)
	digits := i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return s.refuse(lake.ReasonMalformed, start, "not a number")
	}
	fraction, power := 0, false
	if i < len(b) && b[i] == '.' {
		i++
		from := i
		i, n = run(b, i, n)
		if fraction = i - from; fraction == 0 {
			return s.refuse(lake.ReasonMalformed, start, "not a number: no digit behind the point")
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		power = true
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == from {
			return s.refuse(lake.ReasonMalformed, start, "not a number: no digit in the exponent")
		}
	}
	if power || digits+fraction > exact {
		return i, s.longHash(b[start:i])
	}
	for fraction > 0 && n%10 == 0 {
		n, fraction = n/10, fraction-1
	}
	return i, decimalHash(n, -int64(fraction), first > start)
}

// run appends the digits from b[i] on to those of n, eight at a time, and
// returns where they end. What does not fit into n is lost at its front.
func run(b []byte, i int, n uint64) (end int, appended uint64) {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:]) ^ zeros // digits are 0 to 9 now
		m := (w + (0x7f-9)*everyByte | w) & highBits   // the lowest mark is exact
		k := uint(bits.TrailingZeros64(m)) >> 3
		w <<= 64 - 8*k // leading zeros take the place of what is no digit
		w = w*10 + w>>8
		w = (w&0x000000ff000000ff*(100+1_000_000<<32) + w>>16&0x000000ff000000ff*(1+10_000<<32)) >> 32
		n = n*powers[k] + w
		i += int(k)
		if k < 8 {
			return i, n
		}
	}
	for i < len(b) && b[i]-'0' <= 9 {
		n = n*10 + uint64(b[i]-'0')
		i++
	}
	return i, n
}

const zeros = '0' * everyByte

// powers are those of ten.
var powers = [...]uint64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}

// decimalHash hashes n times 10 to the power of exp, where n has no trailing
// zero unless exp is 0.
func decimalHash(n uint64, exp int64, negative bool) uint64 {
	h := fold(n^hashNumber, mulWord)
	if negative && n != 0 {
		h = ^h
	}
	if exp != 0 {
		h = fold(h^uint64(exp), mulLast)
	}
	return h
}

// longHash hashes a number with an exponent or many digits.
func (s *Scanner) longHash(b []byte) uint64 {
	var d decimal
	d.digits = s.buf[:0]
	d.parse(b)
	s.buf = d.digits
	for d.exp > 0 && d.exp <= int64(exact-len(d.digits)) { // small whole numbers hash as such
		d.digits, d.exp = append(d.digits, '0'), d.exp-1
	}
	if n, ok := d.mantissa(); ok {
		return decimalHash(n, d.exp, d.negative)
	}
	return decimalHash(textHash(d.digits), d.exp^1<<62, d.negative)
}

// decimal is an exact number: digits, without zeros at either end, times 10 to
// the power of exp. Zero has no digits, exp 0 and no sign.
type decimal struct {
	negative bool
	digits   []byte // '0' to '9'
	exp      int64
}

// maxExponent is where exponents end: numbers beyond have the same value here.
const maxExponent = 1e17

// parse reads a number that is one by JSON's grammar; digits are appended.
func (d *decimal) parse(b []byte) {
	start := len(d.digits)
	d.negative, d.exp = false, 0
	if b[0] == '-' {
		d.negative, b = true, b[1:]
	}
	fraction := false
	i := 0
	for ; i < len(b) && b[i]|0x20 != 'e'; i++ {
		if b[i] == '.' {
			fraction = true
			continue
		}
		if fraction {
			d.exp--
		}
		if b[i] != '0' || len(d.digits) > start {
			d.digits = append(d.digits, b[i])
		}
	}
	if i < len(b) {
		d.exp += exponent(b[i+1:])
	}
	for len(d.digits) > start && d.digits[len(d.digits)-1] == '0' {
		d.digits, d.exp = d.digits[:len(d.digits)-1], d.exp+1
	}
	if len(d.digits) == start {
		d.negative, d.exp = false, 0
	}
}

// mantissa is the digits as a number; ok is false when there are too many.
func (d *decimal) mantissa() (n uint64, ok bool) {
	if len(d.digits) > exact {
		return 0, false
	}
	for _, c := range d.digits {
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

func exponent(b []byte) (e int64) {
	negative := b[0] == '-'
	if b[0] == '-' || b[0] == '+' {
		b = b[1:]
	}
	for _, c := range b {
		e = min(e*10+int64(c-'0'), maxExponent)
	}
	if negative {
		return -e
	}
	return e
}
