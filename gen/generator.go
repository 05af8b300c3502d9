package gen

import (
	"math/bits"
	"time"
)

// Generator writes the lines, one after the other, for one goroutine.
type Generator struct {
	o      Options
	start  int64 // milliseconds since 1970
	span   uint64
	shares [4]share
	line   uint64

	truth     Truth
	refused   [len(defects)]int64
	byType    [len(types)]int64
	conflicts int64
}

// share is the fraction of the lines that are of a kind.
type share struct {
	kind kind
	part float64
}

// New makes a generator; the lines begin again with line 0.
func New(o Options) *Generator {
	o.complete()
	return &Generator{
		o:     o,
		start: o.Start.UnixMilli(),
		span:  uint64(o.Span / time.Millisecond),
		shares: [4]share{
			{malformed, max(o.Malformed, 0)},
			{conflicting, max(o.Conflict, 0)},
			{late, max(o.Late, 0)},
			{copied, max(o.Duplicates, 0)},
		},
	}
}

// Next appends the next line to dst, without a newline. After the last line ok
// is false and dst comes back as it is. It allocates only to make dst longer.
func (g *Generator) Next(dst []byte) (line []byte, ok bool) {
	if g.line >= uint64(max(g.o.Events, 0)) {
		return dst, false
	}
	n := g.line
	g.line++
	g.truth.Lines++
	p := g.plan(n)
	switch p.kind {
	case copied:
		g.truth.Duplicates++
		e := g.event(p.origin, p.late)
		return e.append(dst), true
	case conflicting:
		g.conflicts++
		e := g.event(n, false)
		e.id = p.origin
		return e.append(dst), true
	case malformed:
		return g.appendDefect(dst, n), true
	}
	e := g.event(n, p.late)
	g.truth.Unique++
	if e.late {
		g.truth.Late++
	}
	g.byType[e.typ]++
	g.truth.Cents += e.cents
	return e.append(dst), true
}

// at is when the event of a line happens, in milliseconds since 1970.
func (g *Generator) at(line uint64, r *random) int64 {
	hi, lo := bits.Mul64(g.span, line)
	turn, _ := bits.Div64(hi, lo, uint64(max(g.o.Events, 1)))
	return g.start + int64(turn) - int64(r.below(5000)) // clients send a moment later
}
