package gen

import "math/bits"

// random is a sequence of numbers, one a line and purpose (splitmix64).
type random struct{ state uint64 }

func (g *Generator) random(line uint64, purpose uint64) random {
	return random{mix(mix(g.o.Seed+purpose<<56) ^ line)}
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	return mix(r.state)
}

// below returns a number from 0 to n-1.
func (r *random) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.next(), n)
	return hi
}

// fraction returns a number from 0 to below 1.
func (r *random) fraction() float64 { return float64(r.next()>>11) / (1 << 53) }

// rank returns a number from 1 to below 1<<octaves; n comes about n times
// rarer than 1, by Zipf's law.
func (r *random) rank(octaves uint64) uint64 {
	top := uint64(1) << r.below(octaves)
	return top + r.below(top)
}

// lateness returns by how many milliseconds an event is late: 1 day to 3 years,
// half of the events less than 2 days, 7 of 8 less than 8 days, 1 of 1,000
// about two years. What was offline for a while comes back soon or hardly ever.
func (r *random) lateness() uint64 {
	const day = 24 * 3600 * 1000
	doublings := min(bits.TrailingZeros64(r.next()), 10)
	from := uint64(day) << doublings
	to := min(2*from, 3*365*day)
	return from + r.below(to-from)
}

// skewed returns an index below n, earlier ones more often, by Zipf's law.
func (r *random) skewed(n int) int {
	p := r.fraction() * harmonic[n]
	for i := 1; i < n; i++ {
		if p -= 1 / float64(i); p < 0 {
			return i - 1
		}
	}
	return n - 1
}

// harmonic[n] is 1 + 1/2 + ... + 1/n.
var harmonic = [...]float64{0, 1, 3. / 2, 11. / 6, 25. / 12, 137. / 60, 49. / 20, 363. / 140, 761. / 280}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
