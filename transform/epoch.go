package transform

import "github.com/eventlake/lake"

// maxEpoch is the longest number in bytes that is read as a time.
const maxEpoch = 64

// parseEpoch reads a time since 1970 in seconds, milliseconds, microseconds or
// nanoseconds, written as a number by JSON's grammar. The size of its whole
// part tells the unit: up to 11 digits are seconds (to the year 5138), up to
// 14 milliseconds (from 1973), up to 17 microseconds, up to 19 nanoseconds.
// Fractions and exponents are exact; what is finer than a microsecond is cut
// off, towards the past. ok is false when the number is too large or longer
// than 64 bytes.
func parseEpoch(b []byte) (t lake.Instant, ok bool) {
	if len(b) > maxEpoch {
		return 0, false
	}
	if n, ok := wholeNumber(b); ok {
		return epoch(n, 0, false, false)
	}
	var room [maxEpoch]byte
	d := decimal{digits: room[:0]}
	d.parse(b)
	more := len(d.digits) > exact
	if more {
		d.exp += int64(len(d.digits) - exact)
		d.digits = d.digits[:exact]
	}
	n, _ := d.mantissa() // it has the room now
	return epoch(n, d.exp, more, d.negative)
}

// wholeNumber reads digits, without a sign.
func wholeNumber(b []byte) (n uint64, ok bool) {
	if len(b) > exact {
		return 0, false
	}
	end, n := run(b, 0, 0)
	return n, end == len(b)
}

// epoch turns n times 10 to the power of exp, in the unit that its size tells,
// into an instant. More says that something follows the digits of n.
func epoch(n uint64, exp int64, more, negative bool) (t lake.Instant, ok bool) {
	if n == 0 {
		return 0, true
	}
	switch whole := int64(digitsOf(n)) + exp; {
	case whole <= 11:
		exp += 6
	case whole <= 14:
		exp += 3
	case whole <= 17:
	case whole <= exact:
		exp -= 3
	default:
		return 0, false
	}
	for ; exp > 0; exp-- {
		n *= 10 // 17 digits in the end
	}
	for ; exp < 0 && n > 0; exp++ {
		more = more || n%10 != 0
		n /= 10
	}
	if !negative {
		return lake.Instant(n), true
	}
	if more {
		n++
	}
	return -lake.Instant(n), true
}

func digitsOf(n uint64) (digits int) {
	for ; n > 0; n /= 10 {
		digits++
	}
	return digits
}
