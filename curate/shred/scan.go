package shred

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"

	"github.com/eventlake/lake"
)

// scanner walks over JSON that was validated before. On other bytes it ends in
// ErrCorrupt or in some value, never in a panic.
type scanner struct {
	b []byte
	i int
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("raw line: %s: %w", fmt.Sprintf(format, args...), lake.ErrCorrupt)
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// text reads a string at its opening quote and returns what is between the
// quotes; escaped says that it holds a backslash.
func (s *scanner) text() (raw []byte, escaped bool, err error) {
	start := s.i + 1
	if end := plainEnd(s.b, start); end < len(s.b) && s.b[end] == '"' {
		s.i = end + 1
		return s.b[start:end], false, nil
	}
	for at := start; at <= len(s.b); {
		n := bytes.IndexByte(s.b[at:], '"')
		if n < 0 {
			break
		}
		back := 0
		for p := at + n - 1; p >= start && s.b[p] == '\\'; p-- {
			back++
		}
		at += n + 1
		if back%2 == 0 {
			s.i = at
			return s.b[start : at-1], true, nil
		}
	}
	return nil, false, corrupt("byte %d: a string has no end", s.i)
}

// plainEnd returns where the first quote or backslash stands from i on, or the
// end. Most strings are short, so words of eight bytes beat two calls that
// search for one byte each.
func plainEnd(b []byte, i int) int {
	const (
		ones    = 0x0101010101010101
		high    = 0x80 * ones
		quote   = '"' * ones
		escapes = '\\' * ones
	)
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, e := w^quote, w^escapes // a byte that matches is 0
		// The lowest mark is exact: a borrow goes upwards only.
		if m := ((q-ones)&^q | (e-ones)&^e) & high; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// token reads a number or a literal.
func (s *scanner) token() []byte {
	start := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', '}', ']', ' ', '\t', '\r', '\n', ':', '"', '{', '[':
			return s.b[start:s.i]
		}
		s.i++
	}
	return s.b[start:]
}

// null reads the literal null.
func (s *scanner) null() error {
	if tok := s.token(); string(tok) != "null" {
		return corrupt("%.50q is no JSON value", tok)
	}
	return nil
}

// skip passes over one value and returns its bytes.
func (s *scanner) skip() ([]byte, error) {
	s.peek()
	start, depth := s.i, 0
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case '"':
			if _, _, err := s.text(); err != nil {
				return nil, err
			}
		case '{', '[':
			depth++
			s.i++
			continue
		case '}', ']':
			depth--
			s.i++
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return nil, corrupt("byte %d: no value", s.i)
			}
			s.i++
			continue
		default:
			if len(s.token()) == 0 {
				return nil, corrupt("byte %d: no value", s.i)
			}
		}
		if depth <= 0 {
			return s.b[start:s.i], nil
		}
	}
	return nil, corrupt("byte %d: a value has no end", start)
}

// appendText appends the string that the raw bytes stand for.
func appendText(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			n := bytes.IndexByte(raw[i:], '\\')
			if n < 0 {
				return append(dst, raw[i:]...)
			}
			dst = append(dst, raw[i:i+n]...)
			i += n
			continue
		}
		if i++; i == len(raw) {
			return dst
		}
		c := raw[i]
		i++
		switch c {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			r := hex4(raw[i:])
			i = min(i+4, len(raw))
			if r >= 0xD800 && r < 0xDC00 && i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
				if low := hex4(raw[i+2:]); low >= 0xDC00 && low < 0xE000 {
					r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
					i = min(i+6, len(raw))
				}
			}
			dst = utf8.AppendRune(dst, r) // a lone surrogate becomes U+FFFD
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func hex4(b []byte) (r rune) {
	if len(b) < 4 {
		return utf8.RuneError
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return utf8.RuneError
		}
		r = r<<4 | rune(c)
	}
	return r
}
