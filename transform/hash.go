package transform

import (
	"encoding/binary"
	"math/bits"
)

// The content hash is 64 bits wide and is computed while scanning: it finds
// keys in tables and becomes the fingerprint. It is fast and even, but anyone
// can make two texts collide: whatever must be exact compares bytes as well.
const (
	hashText    = 0x9e3779b97f4a7c15 // start values, one a kind
	hashNumber  = 0xd1b54a32d192ed03
	hashArray   = 0x8cb92ba72f3d8dd7
	hashObject  = 0xabc98388fb8fac03
	hashTrue    = 0x2d358dccaa6c78a5
	hashFalse   = 0x8bb84b93962eacc9
	hashNull    = 0x4b33a62ed433d4a3
	mulWord     = 0xa0761d6478bd642f // odd factors
	mulLast     = 0xe7037ed1a0b428db
	mulMember   = 0x589965cc75374cc3
	mulSequence = 0x1d8e4e27c47d124f
)

// fold multiplies to 128 bits and folds the halves together.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// foldLast takes in the last word of a text of n bytes: its last n%8 bytes, the
// rest of it is zero.
func foldLast(h, w uint64, n int) uint64 {
	return fold(h^(w|uint64(n)<<56), mulLast)
}

// foldMember makes one addend of an object's hash.
func foldMember(key, value uint64) uint64 {
	return fold(key+mulMember, value^mulSequence)
}

// textHash is what text computes while it scans.
func textHash(b []byte) uint64 {
	h := uint64(hashText)
	n := len(b)
	for ; len(b) >= 8; b = b[8:] {
		h = fold(h^binary.LittleEndian.Uint64(b), mulWord)
	}
	return foldLast(h, lastWord(b), n)
}

// lastWord loads up to 8 bytes, the missing ones as zeros.
func lastWord(b []byte) uint64 {
	var block [8]byte
	copy(block[:], b)
	return binary.LittleEndian.Uint64(block[:])
}
