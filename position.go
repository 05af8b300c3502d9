package lake

import (
	"cmp"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Position is a place in one shard. Positions compare in log order. The zero
// Position lies before the first record.
//
// Seq is a 192-bit unsigned number, most significant word first: wide enough
// for Kinesis sequence numbers (56 decimal digits, 186 bits). Sub counts the
// records packed into one stream record. The embedded stream uses only the low
// word and counts records from 1, so that the last position of a shard is also
// the number of records ever stored in it.
type Position struct {
	Seq [3]uint64
	Sub uint32
}

// Pos returns the position with the low word n.
func Pos(n uint64) Position { return Position{Seq: [3]uint64{2: n}} }

// Uint64 returns the low word; ok is false when the position needs more.
func (p Position) Uint64() (n uint64, ok bool) {
	return p.Seq[2], p.Seq[0] == 0 && p.Seq[1] == 0 && p.Sub == 0
}

// Before returns the end of the stream record in front of p's: a span after it
// begins with the stream record that p belongs to. It is zero for a zero Seq.
func (p Position) Before() Position {
	q := Position{Seq: p.Seq}
	for i := len(q.Seq) - 1; i >= 0; i-- {
		if q.Seq[i]--; q.Seq[i] != ^uint64(0) {
			return q
		}
	}
	return Position{} // it was zero
}

// IsZero reports whether p lies before the first record.
func (p Position) IsZero() bool { return p == Position{} }

// Compare returns -1, 0 or +1 in log order.
func (p Position) Compare(q Position) int {
	for i := range p.Seq {
		if c := cmp.Compare(p.Seq[i], q.Seq[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(p.Sub, q.Sub)
}

// After reports whether p comes later than q.
func (p Position) After(q Position) bool { return p.Compare(q) > 0 }

// String is the sequence number in decimal, then ".sub" when Sub is not 0.
func (p Position) String() string {
	var s string
	if p.Seq[0] == 0 && p.Seq[1] == 0 {
		s = strconv.FormatUint(p.Seq[2], 10)
	} else {
		n := new(big.Int)
		for _, w := range p.Seq {
			n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(w))
		}
		s = n.String()
	}
	if p.Sub != 0 {
		s += "." + strconv.FormatUint(uint64(p.Sub), 10)
	}
	return s
}

// ParsePosition reads what String wrote, or a Kinesis sequence number.
func ParsePosition(s string) (Position, error) {
	var p Position
	seq, sub, dotted := strings.Cut(s, ".")
	if dotted {
		n, err := strconv.ParseUint(sub, 10, 32)
		if err != nil {
			return p, fmt.Errorf("position %q: %w", s, ErrInvalid)
		}
		p.Sub = uint32(n)
	}
	if seq == "" {
		return Position{}, fmt.Errorf("position %q: %w", s, ErrInvalid)
	}
	for len(seq) > 0 { // as many digits at once as a word holds
		digits := seq[:min(len(seq), 19)]
		seq = seq[len(digits):]
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || !p.shift(pow10(len(digits)), n) {
			return Position{}, fmt.Errorf("position %q: %w", s, ErrInvalid)
		}
	}
	return p, nil
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// shift makes Seq to Seq*factor + add; false when that has more than 192 bits.
func (p *Position) shift(factor, add uint64) bool {
	for i := 2; i >= 0; i-- {
		high, low := bits.Mul64(p.Seq[i], factor)
		low, carry := bits.Add64(low, add, 0)
		p.Seq[i], add = low, high+carry
	}
	return add == 0
}

// MarshalText writes String, so that positions are readable in JSON.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Position) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePosition(string(b))
	return err
}

// Span is a run of records in one shard: after After, up to and including To.
// An empty span has After == To.
type Span struct {
	After Position `json:"after"`
	To    Position `json:"to"`
}

// Empty reports whether the span holds no record.
func (s Span) Empty() bool { return s.After == s.To }

// Contains reports whether p lies in the span.
func (s Span) Contains(p Position) bool { return p.After(s.After) && !p.After(s.To) }

// Join returns the smallest span that holds s and t, and with them what lies
// between.
func (s Span) Join(t Span) Span {
	if s.After.After(t.After) {
		s.After = t.After
	}
	if t.To.After(s.To) {
		s.To = t.To
	}
	return s
}

// String is "(after..to]".
func (s Span) String() string { return "(" + s.After.String() + ".." + s.To.String() + "]" }
