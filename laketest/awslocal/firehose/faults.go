package firehose

import "math/rand/v2"

// Faults says how often things go wrong, each as a probability. What happens
// follows from the seed and the order of the calls.
type Faults struct {
	Seed     uint64
	Throttle float64 // a call is refused: ServiceUnavailableException, nothing was taken
	Entry    float64 // an entry of a PutRecordBatch is not taken: FailedPutCount
	Lost     float64 // a call takes its records, and the connection ends before the answer
	Repeat   float64 // a record is delivered a second time, in a later object
	Upload   float64 // an object is written a second time, under another name
}

// dice rolls for faults.
type dice struct {
	Faults
	r *rand.Rand
}

func newDice(f Faults) *dice { return &dice{f, rand.New(rand.NewPCG(f.Seed, 0x46495245))} }

// hit reports whether a fault of this probability happens now.
func (d *dice) hit(p float64) bool { return p > 0 && d.r.Float64() < p }
