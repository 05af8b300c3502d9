package ledger

import (
	"slices"

	"github.com/eventlake/lake"
)

// addFile makes a file live.
func (s *state) addFile(f lake.File) {
	it := s.files.add(f)
	if f.Kind != lake.KindRaw || !f.Span.To.After(s.curated[f.Shard]) {
		return
	}
	// A merged file is committed after its neighbours. Curate walks a shard by
	// span, so it goes before the first that lies behind it.
	at := len(s.pending)
	for i := len(s.pending) - 1; i >= 0; i-- {
		p := s.pending[i]
		if p.file.Shard != f.Shard {
			continue
		}
		if !p.file.Span.After.After(f.Span.After) {
			break
		}
		at = i
	}
	s.pending = slices.Insert(s.pending, at, it)
}

// removeFile takes a live file off.
func (s *state) removeFile(key lake.Key) {
	it := s.files.byKey[key]
	s.files.remove(key)
	if it.file.Kind == lake.KindRaw && it.file.Span.To.After(s.curated[it.file.Shard]) {
		s.pending = slices.DeleteFunc(s.pending, func(p *item) bool { return p == it })
	}
}

// mark moves the curated mark forward and reports whether it moved.
func (s *state) mark(mark map[lake.ShardID]lake.Position) (moved bool) {
	for id, p := range mark {
		if p.After(s.curated[id]) {
			s.curated[id] = p
			moved = true
		}
	}
	if moved {
		s.pending = slices.DeleteFunc(s.pending, func(p *item) bool {
			return !p.file.Span.To.After(s.curated[p.file.Shard])
		})
	}
	return moved
}
