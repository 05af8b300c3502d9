package curate

import (
	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/shred"
)

// spareTables is for how many tables memory is kept between two cycles; all
// together it is at most half of Limits.Memory.
const spareTables = 64

// spare is the memory of a table's last cycle. Its columns stand as the
// cycle's commit left them, so the next cycle goes on in it instead of growing
// all of it again.
type spare struct {
	schema lake.Schema
	shred  *shred.Shredder
	seen   idSet
	bytes  int64
}

// takeSpare returns the table's spare when it fits the schema, else a new one.
func (c *Curator) takeSpare(t lake.Table) spare {
	s, ok := c.spares[t.Name]
	delete(c.spares, t.Name)
	if ok && s.schema.Equal(&t.Schema) && s.schema.LastID == t.Schema.LastID {
		return s
	}
	l := c.config.Limits
	return spare{shred: shred.New(t.Schema, lake.Schema{}, shred.Limits{Columns: l.Columns, Depth: l.Depth, Width: l.Width})}
}

// keepSpare keeps the memory of a committed cycle, unless it is too much.
func (c *Curator) keepSpare(b *builder) {
	sum := b.peak
	for _, s := range c.spares {
		sum += s.bytes
	}
	if sum > c.config.Limits.Memory/2 || len(c.spares) >= spareTables {
		return
	}
	b.seen.reset()
	c.spares[b.table] = spare{schema: b.schema, shred: b.shred, seen: b.seen, bytes: b.peak}
}
