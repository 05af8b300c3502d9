package ledger

import (
	"iter"
	"maps"
	"slices"

	"github.com/eventlake/lake"
)

// view is the state at one moment. It shares memory with the state, which
// never changes what a view can see.
type view struct {
	shards    []lake.ShardID // by number
	committed []uint64       // by number
	chunks    [][]*item
	hours     []*hourBooks
	names     []lake.Name
	curated   map[lake.ShardID]lake.Position
	runs      []runInfo
	forgot    uint32
}

var _ lake.Journal = (*view)(nil)

func (s *state) view() *view {
	v := &view{
		shards:    make([]lake.ShardID, len(s.shards)),
		committed: make([]uint64, len(s.shards)),
		chunks:    s.files.view(),
		hours:     s.books.view(),
		names:     slices.Clip(s.names),
		curated:   maps.Clone(s.curated),
		runs:      slices.Clip(s.runs),
		forgot:    s.forgot,
	}
	for i, sh := range s.shards {
		v.shards[i], v.committed[i] = sh.id, sh.committed
	}
	return v
}

// Positions implements lake.Journal.
func (v *view) Positions() map[lake.ShardID]lake.Position {
	out := make(map[lake.ShardID]lake.Position, len(v.shards))
	for i, id := range v.shards {
		if v.committed[i] > 0 {
			out[id] = lake.Pos(v.committed[i])
		}
	}
	return out
}

// Files implements lake.Journal.
func (v *view) Files(kind lake.Kind) iter.Seq[lake.File] {
	return func(yield func(lake.File) bool) {
		for _, chunk := range v.chunks {
			for _, it := range chunk {
				if (kind == "" || it.file.Kind == kind) && !yield(it.file) {
					return
				}
			}
		}
	}
}

// Books implements lake.Journal, sorted by hour, source and type.
func (v *view) Books() []lake.Tally { return flatten(v.hours) }

// Names implements lake.Journal.
func (v *view) Names() []lake.Name { return slices.Clone(v.names) }
