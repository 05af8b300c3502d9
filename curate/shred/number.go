package shred

import (
	"math"
	"strconv"
	"unsafe"
)

// numKind says what a number can be kept as without losing a digit.
type numKind uint8

const (
	numBad   numKind = iota // no number at all
	numLong                 // an int64
	numFloat                // a float64
	numText                 // neither
)

// exactInt is the largest n for which all integers up to n are float64s.
const exactInt = 1 << 53

// number reads a JSON number.
func number(tok []byte) (kind numKind, i int64, f float64) {
	digits := tok
	negative := len(tok) > 0 && tok[0] == '-'
	if negative {
		digits = tok[1:]
	}
	if len(digits) == 0 {
		return numBad, 0, 0
	}
	if len(digits) <= 18 {
		n := int64(0)
		for k, c := range digits {
			if c < '0' || c > '9' {
				if k == 0 || (c != '.' && c != 'e' && c != 'E') {
					return numBad, 0, 0
				}
				return fraction(tok)
			}
			n = n*10 + int64(c-'0')
		}
		if negative {
			n = -n
		}
		return numLong, n, 0
	}
	return longNumber(tok)
}

// longNumber reads a number of more than 18 characters.
func longNumber(tok []byte) (numKind, int64, float64) {
	s := unsafe.String(unsafe.SliceData(tok), len(tok)) // strconv keeps no reference but in errors, which are dropped here
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return numLong, n, 0
	}
	for k, c := range tok {
		if c == '.' || c == 'e' || c == 'E' {
			return fraction(tok)
		}
		if (c < '0' || c > '9') && (k > 0 || c != '-') {
			return numBad, 0, 0
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return numText, 0, 0
	}
	if string(strconv.AppendFloat(nil, f, 'f', 0, 64)) != s {
		return numText, 0, 0
	}
	return numFloat, 0, f
}

// fraction reads a number with a point or an exponent. With more than 17
// significant digits, or out of range, only its text keeps it.
func fraction(tok []byte) (numKind, int64, float64) {
	significant, zeros := 0, 0
	for _, c := range tok {
		if c == 'e' || c == 'E' {
			break
		}
		switch {
		case c == '0':
			if significant > 0 {
				zeros++
			}
		case c >= '1' && c <= '9':
			significant += zeros + 1
			zeros = 0
		case c != '.' && c != '-':
			return numBad, 0, 0
		}
	}
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(tok), len(tok)), 64)
	switch {
	case err != nil && math.IsInf(f, 0):
		return numText, 0, 0
	case err != nil:
		return numBad, 0, 0
	case significant > 17, f == 0 && significant > 0:
		return numText, 0, 0
	case (significant > 15 || math.Abs(f) < smallest) && !givesBack(f, tok, significant):
		return numText, 0, 0
	}
	return numFloat, 0, f
}

// smallest is above all float64s that have less than 53 bits.
const smallest = 1e-300

// givesBack reports whether the float, written with as many significant
// digits as the number has, has these digits. It is so with all of up to 15,
// but for tiny ones.
func givesBack(f float64, tok []byte, significant int) bool {
	if significant == 0 {
		return true
	}
	var room [32]byte
	text := strconv.AppendFloat(room[:0], math.Abs(f), 'e', significant-1, 64)
	n := 0 // digits of text that were compared; a point stands behind the first
	for _, c := range tok {
		if c == 'e' || c == 'E' || n == significant {
			break
		}
		if c < '0' || c > '9' || n == 0 && c == '0' {
			continue
		}
		at := n
		if n > 0 {
			at++
		}
		if text[at] != c {
			return false
		}
		n++
	}
	return true
}

// fitsFloat reports whether the integer is a float64.
func fitsFloat(i int64) bool {
	if i >= -exactInt && i <= exactInt {
		return true
	}
	f := float64(i)
	return f < math.MaxInt64 && int64(f) == i
}

// fitsLong reports whether the float is an integer that an int64 keeps.
func fitsLong(f float64) bool {
	return f >= -exactInt && f <= exactInt && f == math.Trunc(f)
}
