package dynamodb

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eventlake/lake"
)

// state is everything that the first commits of a shard have made true. A
// state that was handed out does not change: applying a record makes another.
type state struct {
	shard    lake.ShardID
	commits  uint64
	position lake.Position
	time     lake.Instant
	parts    []*part                                   // the live files, in commit order,
	tail     []live                                    // and behind them the last ones
	books    map[lake.Instant]map[lake.Book]lake.Tally // by hour
	names    []wireName

	// base is the checkpoint that the state was read from or written as, and
	// objects are those that it names. The next checkpoint may name them again
	// only if it replaces this one.
	base    uint64
	objects []lake.Key
}

// live is a live file with the time of its commit.
type live struct {
	file      lake.File
	committed lake.Instant
}

// reader reads the content of a part that has none yet.
type reader func(*part) error

// apply returns the state after one more commit. Only the latest state of a
// shard may be applied to: states share memory.
func (s *state) apply(r *record, read reader) (*state, error) {
	next := *s
	next.commits++
	next.time = r.time
	if !r.span.Empty() {
		if r.span.After != s.position {
			return nil, fmt.Errorf("commit %d begins at %s behind a shard at %s: %w", next.commits, r.span.After, s.position, lake.ErrCorrupt)
		}
		next.position = r.span.To
	}
	if err := next.drop(r.remove, read); err != nil {
		return nil, err
	}
	for _, f := range r.add {
		next.tail = append(next.tail, live{f, r.time})
	}
	next.fold()
	next.admit(r)
	next.book(r.books)
	return &next, nil
}

// fold makes a part of a tail that is long.
func (s *state) fold() {
	if len(s.tail) < tailFiles {
		return
	}
	k := newPacker(s.shard)
	for i := range s.tail {
		k.add(&s.tail[i].file, s.tail[i].committed)
	}
	s.parts, s.tail = append(slices.Clip(s.parts), k.part()), nil
}

// drop takes the files of the keys out. It looks at no more parts than it must:
// what is removed is mostly what is oldest.
func (s *state) drop(remove []lake.Key, read reader) error {
	if len(remove) == 0 {
		return nil
	}
	gone := set(remove)
	tail := make([]live, 0, len(s.tail))
	for i := range s.tail {
		if key := string(s.tail[i].file.Key); gone[key] {
			delete(gone, key)
		} else {
			tail = append(tail, s.tail[i])
		}
	}
	parts := make([]*part, 0, len(s.parts))
	for i, p := range s.parts {
		if len(gone) == 0 {
			parts = append(parts, s.parts[i:]...)
			break
		}
		if err := read(p); err != nil {
			return err
		}
		if p = p.without(s.shard, gone); p != nil {
			parts = append(parts, p)
		}
	}
	s.parts, s.tail = parts, tail
	return nil
}

func set(keys []lake.Key) map[string]bool {
	out := make(map[string]bool, len(keys))
	for _, k := range keys {
		out[string(k)] = true
	}
	return out
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
func (s *state) check(r *record, read reader) error {
	missing, fresh := set(r.remove), make(map[string]bool, len(r.add))
	for i := range r.add {
		fresh[string(r.add[i].Key)] = true
	}
	for _, k := range r.remove {
		delete(fresh, string(k)) // it takes the place of what is removed
	}
	known := ""
	look := func(key []byte) (more bool) {
		delete(missing, string(key))
		if fresh[string(key)] {
			known = string(key)
		}
		return len(missing) > 0 || known == "" && len(fresh) > 0
	}
	if err := s.keys(read, look); err != nil {
		return err
	}
	for _, k := range r.remove {
		if missing[string(k)] {
			return fmt.Errorf("file %s is not live: %w", k, lake.ErrStale)
		}
	}
	if known != "" {
		return fmt.Errorf("file %s is live already: %w", known, lake.ErrInvalid)
	}
	return nil
}

// keys calls look for the keys of the live files until it returns false.
func (s *state) keys(read reader, look func(key []byte) (more bool)) error {
	var key []byte
	for i := range s.tail {
		if key = append(key[:0], s.tail[i].file.Key...); !look(key) {
			return nil
		}
	}
	for _, p := range s.parts {
		if err := read(p); err != nil {
			return err
		}
		more := true
		p.each(s.shard, func(u *unpacker) bool {
			key = u.appendKey(key[:0])
			more = look(key)
			return more
		})
		if !more {
			return nil
		}
	}
	return nil
}
