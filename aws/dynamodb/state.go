package dynamodb

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eventlake/lake"
)

// state is everything that the first commits of a shard have made true. A
// state that was handed out does not change: applying a record makes another.
type state struct {
	commits  uint64
	position lake.Position
	time     lake.Instant
	files    []live                                    // in commit order
	books    map[lake.Instant]map[lake.Book]lake.Tally // by hour
	names    []wireName
}

// live is a live file with the time of its commit.
type live struct {
	file      lake.File
	committed lake.Instant
}

// apply returns the state after one more commit. Only the latest state of a
// shard may be applied to: states share memory.
func (s *state) apply(r *record) (*state, error) {
	next := *s
	next.commits++
	next.time = r.time
	if !r.span.Empty() {
		if r.span.After != s.position {
			return nil, fmt.Errorf("commit %d begins at %s behind a shard at %s: %w", next.commits, r.span.After, s.position, lake.ErrCorrupt)
		}
		next.position = r.span.To
	}
	if len(r.remove) > 0 {
		gone := make(map[lake.Key]bool, len(r.remove))
		for _, k := range r.remove {
			gone[k] = true
		}
		next.files = make([]live, 0, len(s.files))
		for i := range s.files {
			if !gone[s.files[i].file.Key] {
				next.files = append(next.files, s.files[i])
			}
		}
	}
	for _, f := range r.add {
		next.files = append(next.files, live{f, r.time})
	}
	next.admit(r)
	next.book(r.books)
	return &next, nil
}

func (s *state) admit(r *record) {
	for _, n := range r.names {
		if !slices.ContainsFunc(s.names, func(w wireName) bool { return w.Name == n }) {
			s.names = append(slices.Clip(s.names), wireName{n, r.time})
		}
	}
}

// book sums tallies into copies of the hours that they touch.
func (s *state) book(tallies []lake.Tally) {
	if len(tallies) == 0 {
		return
	}
	s.books = maps.Clone(s.books)
	if s.books == nil {
		s.books = map[lake.Instant]map[lake.Book]lake.Tally{}
	}
	own := map[lake.Instant]bool{}
	for _, t := range tallies {
		hour := s.books[t.Hour]
		if !own[t.Hour] {
			own[t.Hour] = true
			if hour = maps.Clone(hour); hour == nil {
				hour = map[lake.Book]lake.Tally{}
			}
			s.books[t.Hour] = hour
		}
		sum := hour[t.Book]
		sum.Book = t.Book
		sum.Add(t)
		hour[t.Book] = sum
	}
}

// forget drops the books of hours that are older than keep, by the latest
// hour. What is left follows from the commits alone, not from when it is done.
func (s *state) forget(keep time.Duration) {
	var latest lake.Instant
	for hour := range s.books {
		latest = max(latest, hour)
	}
	s.books = maps.Clone(s.books)
	maps.DeleteFunc(s.books, func(hour lake.Instant, _ map[lake.Book]lake.Tally) bool { return latest.Sub(hour) > keep })
}

// check says why a record cannot be the next commit.
func (s *state) check(r *record) error {
	keys := make(map[lake.Key]bool, len(s.files))
	for i := range s.files {
		keys[s.files[i].file.Key] = true
	}
	for _, k := range r.remove {
		if !keys[k] {
			return fmt.Errorf("file %s is not live: %w", k, lake.ErrStale)
		}
		delete(keys, k)
	}
	for i := range r.add {
		if keys[r.add[i].Key] {
			return fmt.Errorf("file %s is live already: %w", r.add[i].Key, lake.ErrInvalid)
		}
	}
	return nil
}

func encodeState(shard lake.ShardID, s *state) ([]byte, error) {
	w := wireState{Commits: s.commits, Position: s.position, Time: s.time, Names: s.names}
	w.Files = packFiles(shard, len(s.files), func(i int) (*lake.File, lake.Instant) { return &s.files[i].file, s.files[i].committed })
	for _, hour := range s.books {
		w.Books = slices.AppendSeq(w.Books, maps.Values(hour))
	}
	slices.SortFunc(w.Books, func(a, b lake.Tally) int {
		return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Type, b.Type))
	})
	return json.Marshal(&w)
}

func decodeState(shard lake.ShardID, b []byte) (*state, error) {
	var w wireState
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", lake.ErrCorrupt, err)
	}
	s := &state{commits: w.Commits, position: w.Position, time: w.Time, names: w.Names, files: make([]live, 0, len(w.Files.Files))}
	s.book(w.Books)
	return s, w.Files.unpack(shard, func(f lake.File, at lake.Instant) { s.files = append(s.files, live{f, at}) })
}
