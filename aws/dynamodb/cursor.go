package dynamodb

import (
	"cmp"

	"github.com/eventlake/lake"
)

// cursor is a way through the files of one shard, in commit order, of which one
// at a time is unpacked.
type cursor struct {
	live
	shard lake.ShardID
	parts []*part
	tail  []live
	wants wants
	open  *unpacker
	left  int // files of the open part
}

// next goes to the next file; false when there is none.
func (c *cursor) next() bool {
	for c.left == 0 && len(c.parts) > 0 {
		p := c.parts[0]
		c.parts = c.parts[1:]
		if c.wants(c.shard, p) {
			c.open, c.left = p.open(c.shard), p.files
		}
	}
	switch {
	case c.left > 0:
		c.left--
		c.open.must()
		c.live = c.open.live()
	case len(c.tail) > 0:
		c.live, c.tail = c.tail[0], c.tail[1:]
	default:
		return false
	}
	return true
}

// cursors is a heap by the time of the commit.
type cursors []*cursor

func (c cursors) Len() int      { return len(c) }
func (c cursors) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c cursors) Push(any)      {} // cursors only end

func (c cursors) Less(i, j int) bool {
	a, b := c[i], c[j]
	return cmp.Or(cmp.Compare(a.committed, b.committed), cmp.Compare(a.file.Shard, b.file.Shard)) < 0
}

func (c *cursors) Pop() any {
	*c = (*c)[:len(*c)-1]
	return nil
}
