package transform

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/eventlake/lake"
)

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
	quotes    = '"' * everyByte
	slashes   = '\\' * everyByte
	spaces    = ' ' * everyByte
)

// special marks in the high bit of each byte whether it is a quote, a backslash
// or a control character. The lowest mark is exact; higher ones may be false.
func special(w uint64) uint64 {
	return ((w ^ quotes - everyByte) | (w ^ slashes - everyByte) | (w - spaces)) &^ w & highBits
}

// text reads a string; i is behind its opening quote. It returns where the
// string ends, behind the closing quote, the hash of its unescaped content, and
// whether there is any escape in it. An end of -1 means that it refused.
func (s *Scanner) text(b []byte, i int) (end int, h uint64, escaped bool) {
	start, h := i, uint64(hashText)
	var seen uint64 // the bits of all bytes
	for {
		var w uint64
		if i+8 <= len(b) {
			w = binary.LittleEndian.Uint64(b[i:])
		} else {
			w = lastWord(b[min(i, len(b)):]) // a zero stands behind the end and is special
		}
		m := special(w)
		if m == 0 {
			seen |= w
			h = fold(h^w, mulWord)
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		w &= (m&-m)>>7 - 1 // the bytes before the special one
		if i >= len(b) || b[i] != '"' || (seen|w)&highBits != 0 && !utf8.Valid(b[start:i]) {
			return s.oddText(b, start, i)
		}
		return i + 1, foldLast(h, w, i-start), false
	}
}

// oddText goes on where the plain text b[start:i] ends without a quote.
func (s *Scanner) oddText(b []byte, start, i int) (end int, h uint64, escaped bool) {
	if i < len(b) && b[i] == '\\' {
		s.buf = append(s.buf[:0], b[start:i]...)
		for i < len(b) && b[i] == '\\' {
			n, what := 0, ""
			if s.buf, n, what = appendEscape(s.buf, b[i:]); what != "" {
				return s.refuseText(i, what)
			}
			n += i
			i = plainEnd(b, n)
			s.buf = append(s.buf, b[n:i]...)
		}
	}
	switch bad := start + firstInvalid(b[start:i]); {
	case bad < i:
		return s.refuseText(bad, "invalid UTF-8")
	case i >= len(b):
		return s.refuseText(len(b), "the body ends inside a string")
	case b[i] != '"':
		return s.refuseText(i, "a control character in a string")
	}
	return i + 1, textHash(s.buf), true
}

// plainEnd returns the first special byte from i on, or the end of b.
func plainEnd(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

func (s *Scanner) refuseText(at int, what string) (int, uint64, bool) {
	s.refuse(lake.ReasonMalformed, at, what)
	return -1, 0, false
}

// appendEscape appends what the escape at the start of b stands for and returns
// its length.
func appendEscape(dst, b []byte) (content []byte, n int, what string) {
	const bad = "an escape that JSON does not have"
	if len(b) < 2 {
		return dst, 0, "the body ends inside a string"
	}
	switch b[1] {
	case '"', '\\', '/':
		return append(dst, b[1]), 2, ""
	case 'b':
		return append(dst, '\b'), 2, ""
	case 'f':
		return append(dst, '\f'), 2, ""
	case 'n':
		return append(dst, '\n'), 2, ""
	case 'r':
		return append(dst, '\r'), 2, ""
	case 't':
		return append(dst, '\t'), 2, ""
	case 'u':
		r, ok := hexRune(b)
		if !ok {
			return dst, 0, bad
		}
		n = 6
		if utf16.IsSurrogate(r) {
			low, ok := hexRune(b[6:])
			if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
				return dst, 0, "a lone surrogate"
			}
			n = 12
		}
		return utf8.AppendRune(dst, r), n, ""
	}
	return dst, 0, bad
}

// hexRune reads \uXXXX at the start of b.
func hexRune(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// firstInvalid returns where UTF-8 breaks, or the length.
func firstInvalid(b []byte) int {
	if utf8.Valid(b) {
		return len(b)
	}
	i := 0
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		i += n
	}
	return i
}
