package ledger

import (
	"fmt"
	"slices"

	"github.com/eventlake/lake"
)

// state is everything that commits have made true, but for the claims.
type state struct {
	shards  []*shard // by number
	byName  map[lake.ShardID]*shard
	named   int // shards whose number the log knows
	files   files
	books   books
	names   []lake.Name
	known   map[lake.Name]struct{}
	curated map[lake.ShardID]lake.Position
	pending []*item
	runs    []runInfo // oldest first
	commits int64     // records applied since Open
	last    lake.Instant
	forgot  uint32 // log time in seconds: claims from before it may be gone
}

// shard is one shard with its number.
type shard struct {
	number    uint16
	id        lake.ShardID
	committed uint64
	tentative []entry // claims beyond committed that only memory knows, in the order they came
}

func newState() *state {
	return &state{
		byName:  map[lake.ShardID]*shard{},
		files:   newFiles(),
		books:   newBooks(),
		known:   map[lake.Name]struct{}{},
		curated: map[lake.ShardID]lake.Position{},
	}
}

// shard returns the shard of the name and numbers it when it is new.
func (s *state) shard(id lake.ShardID) (*shard, error) {
	if sh := s.byName[id]; sh != nil {
		return sh, nil
	}
	if id == "" {
		return nil, fmt.Errorf("a shard without a name: %w", lake.ErrInvalid)
	}
	if len(s.shards) == maxShards {
		return nil, fmt.Errorf("shard %s is number %d: %w", id, maxShards, lake.ErrLimit)
	}
	sh := &shard{number: uint16(len(s.shards)), id: id}
	s.shards = append(s.shards, sh)
	s.byName[id] = sh
	return sh, nil
}

// check says why a record cannot be applied.
func (s *state) check(r *record) error {
	if !r.Span.Empty() {
		if r.Shard == "" {
			return fmt.Errorf("a shard without a name: %w", lake.ErrInvalid)
		}
		if !r.Span.To.After(r.Span.After) {
			return fmt.Errorf("the span runs backwards: %w", lake.ErrInvalid)
		}
		after, err := ordinal(r.Span.After)
		if err != nil {
			return err
		}
		if _, err := ordinal(r.Span.To); err != nil {
			return err
		}
		var at uint64
		if sh := s.byName[r.Shard]; sh != nil {
			at = sh.committed
		}
		if at != after {
			return fmt.Errorf("the shard is at %d: %w", at, lake.ErrStale)
		}
	}
	return s.checkFiles(r)
}

func (s *state) checkFiles(r *record) error {
	gone := make(map[lake.Key]bool, len(r.Remove))
	for _, k := range r.Remove {
		if s.files.byKey[k] == nil || gone[k] {
			return fmt.Errorf("file %s is not live: %w", k, lake.ErrStale)
		}
		gone[k] = true
	}
	added := make(map[lake.Key]bool, len(r.Add))
	for i := range r.Add {
		k := r.Add[i].Key
		if s.files.byKey[k] != nil && !gone[k] || added[k] {
			return fmt.Errorf("file %s is live already: %w", k, lake.ErrInvalid)
		}
		added[k] = true
	}
	return nil
}

// apply makes a checked record true. Claims are the caller's.
func (s *state) apply(r *record) error {
	for _, id := range r.Shards {
		// A live ledger numbered it already; a replayed one does so now.
		sh, err := s.shard(id)
		if err != nil {
			return err
		}
		if int(sh.number) != s.named {
			return fmt.Errorf("shard %s is named twice: %w", id, lake.ErrCorrupt)
		}
		s.named++
	}
	if !r.Span.Empty() {
		sh, err := s.shard(r.Shard)
		if err != nil {
			return err
		}
		if sh.committed, err = ordinal(r.Span.To); err != nil {
			return err
		}
	}
	for _, k := range r.Remove {
		s.removeFile(k)
	}
	for _, f := range r.Add {
		s.addFile(f)
	}
	for _, t := range r.Books {
		s.books.add(t)
	}
	for _, n := range r.Types {
		s.admit(n)
	}
	s.mark(r.Curated)
	if r.Runs != nil {
		if err := s.editRuns(r.Runs); err != nil {
			return err
		}
	}
	s.last = max(s.last, r.Time)
	s.forgot = max(s.forgot, r.Forgot)
	return nil
}

func (s *state) admit(n lake.Name) {
	if _, ok := s.known[n]; !ok {
		s.known[n] = struct{}{}
		s.names = append(s.names, n)
	}
}

// editRuns applies an edit to the list of runs.
func (s *state) editRuns(e *runEdit) error {
	at := len(s.runs)
	for _, n := range e.Remove {
		i := slices.IndexFunc(s.runs, func(r runInfo) bool { return r.Number == n })
		if i < 0 {
			return fmt.Errorf("run %d to be replaced is not in the list: %w", n, lake.ErrCorrupt)
		}
		at = min(at, i)
		s.runs = slices.Delete(slices.Clone(s.runs), i, i+1)
	}
	s.runs = slices.Insert(slices.Clone(s.runs), min(at, len(s.runs)), e.Add...)
	return nil
}
