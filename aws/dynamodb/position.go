package dynamodb

import (
	"math/bits"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
)

// appendPosition appends p as Position.String writes it, without a big number
// on the way: it is done for every event.
func appendPosition(b []byte, p lake.Position) []byte {
	if p.Seq[0] == 0 && p.Seq[1] == 0 {
		b = strconv.AppendUint(b, p.Seq[2], 10)
	} else {
		b = appendWide(b, p.Seq)
	}
	if p.Sub != 0 {
		b = strconv.AppendUint(append(b, '.'), uint64(p.Sub), 10)
	}
	return b
}

// wordDigits is how many decimal digits any 64-bit word can take.
const wordDigits = 19

// appendWide appends a number of 192 bits in decimal, 19 digits at a time.
func appendWide(b []byte, n [3]uint64) []byte {
	const unit = 1e19
	var words [4]uint64 // lowest first
	last := 0
	for i := range words {
		var rest uint64
		for j := range n {
			n[j], rest = bits.Div64(rest, n[j], unit)
		}
		if words[i] = rest; rest != 0 {
			last = i
		}
	}
	b = strconv.AppendUint(b, words[last], 10)
	for i := last - 1; i >= 0; i-- {
		b = appendPadded(b, words[i], wordDigits)
	}
	return b
}

func appendPadded(b []byte, n uint64, digits int) []byte {
	var buf [20]byte
	s := strconv.AppendUint(buf[:0], n, 10)
	for i := len(s); i < digits; i++ {
		b = append(b, '0')
	}
	return append(b, s...)
}

// The widths of a position's parts in a sort key.
const (
	seqDigits = 58 // of 2^192
	subDigits = 10 // of 2^32
)

// sortable writes p so that strings compare as positions do.
func sortable(p lake.Position) string {
	seq, sub, _ := strings.Cut(p.String(), ".")
	return strings.Repeat("0", seqDigits-len(seq)) + seq + "." + strings.Repeat("0", subDigits-len(sub)) + sub
}
