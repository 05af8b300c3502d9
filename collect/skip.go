package collect

import (
	"encoding/binary"
	"math/bits"
)

// The structure of a body is found eight bytes at a time: where strings end
// and where brackets close, and nothing else. Whether what lies between is
// JSON is for the scanner of each event.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeros marks (with bit 7) the bytes of w that are zero; bytes above the
// lowest mark may be marked wrongly.
func zeros(w uint64) uint64 { return (w - ones) & ^w & highs }

// stringEnd returns the index behind the closing quote of the string whose
// content begins at i, or -1 when it is not closed.
func stringEnd(b []byte, i int) int {
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if m := zeros(w^('"'*ones)) | zeros(w^('\\'*ones)); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) {
			return -1
		}
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i += 2
		default: // the last bytes, one by one
			i++
		}
	}
}

// valueEnd returns the index behind the bracket that closes the one at i, or
// -1 when it is never closed. It counts brackets of both kinds alike: inside a
// broken value that is the best guess at where it ends.
func valueEnd(b []byte, i int) int {
	depth := 0
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			// | 0x26 makes 0x7f of both kinds of brackets, and of few other bytes.
			if m := zeros(w^('"'*ones)) | zeros((w|0x26*ones)^(0x7f*ones)); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) {
			return -1
		}
		switch b[i] {
		case '"':
			if i = stringEnd(b, i+1); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return i + 1
			}
		}
		i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skipSpace returns the index of the first byte at or behind i that is not
// JSON white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// trim cuts JSON white space off both ends.
func trim(b []byte) []byte {
	b = b[skipSpace(b, 0):]
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
