package query

import (
	"math/big"

	"github.com/eventlake/lake"
)

const boundsHint = "ask for less: a part of it, as in substr(x, 1, 1000), its length, or fewer columns; lake sql has no such bound"

// measure returns the bytes of a row's values, about as they are written.
// ErrLimit when one is beyond its bound.
func (b Bounds) measure(values []any, cols []lake.ResultColumn) (sum int64, err error) {
	for i, v := range values {
		n := sizeOf(v)
		if b.Value > 0 && n > b.Value {
			return 0, lake.Errorf(lake.ErrLimit, boundsHint, "a value of column %q has %d bytes, more than the %d that a value may have here", cols[i].Name, n, b.Value)
		}
		sum += n
	}
	return sum, nil
}

// sizeOf is the bytes of a value, with a word for what has no length.
func sizeOf(v any) int64 {
	const word = 8
	switch v := v.(type) {
	case string:
		return int64(len(v))
	case []byte:
		return int64(len(v))
	case *big.Int:
		return int64(v.BitLen()/3) + 1
	case []any:
		sum := int64(word)
		for _, x := range v {
			sum += sizeOf(x)
		}
		return sum
	case map[string]any:
		sum := int64(word)
		for k, x := range v {
			sum += int64(len(k)) + sizeOf(x)
		}
		return sum
	}
	return word
}
