package gen

// What becomes of a line follows from its number alone, so that a copy of an
// earlier line is made again instead of kept.

// kind is what a line is.
type kind uint8

const (
	fresh kind = iota
	late
	copied
	malformed
	conflicting
)

const (
	window = 100_000 // lines in which copies find their originals
	recent = 64      // half of them find them here: retries come soon
)

// plan is a line's kind; for a copy or a conflict origin is the line that it
// repeats, else the line itself.
type plan struct {
	kind   kind
	origin uint64
	late   bool // of the origin
}

func (g *Generator) plan(line uint64) plan {
	r := g.random(line, 'p')
	p := r.fraction()
	k := fresh
	for _, share := range g.shares {
		if p -= share.part; p < 0 {
			k = share.kind
			break
		}
	}
	if k != copied && k != conflicting {
		return plan{k, line, k == late}
	}
	if line == 0 {
		return plan{fresh, line, false}
	}
	reach := uint64(window)
	if r.below(2) == 0 {
		reach = recent
	}
	origin := g.plan(line - 1 - r.below(min(line, reach)))
	if origin.kind == malformed || origin.kind == conflicting {
		return plan{fresh, line, false} // nothing to repeat there
	}
	return plan{k, origin.origin, origin.late}
}
