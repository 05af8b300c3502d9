package stream

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

const endsName = "ends.json"

const endsHint = "run: lake doctor --repair; it makes the file again"

// savedEnds is how far the log has come, noted outside of the log: a log that
// has lost its end does not show it otherwise. It is written when the stream is
// opened and closed and when a segment is begun, so it is behind the log while
// the stream is open, and exact once it was closed.
type savedEnds struct {
	Closed bool                  `json:"closed"` // nothing was stored since
	Shards map[lake.ShardID]mile `json:"shards"`
}

// mile is a place that a shard has reached.
type mile struct {
	Last    lake.Position `json:"last"`           // of a record that is durable
	Segment uint64        `json:"segment,string"` // first position of the segment being written
}

// ends keeps savedEnds; the writers of all shards change it.
type ends struct {
	mu    sync.Mutex
	saved savedEnds
}

// readEnds reads the file; without one nothing is known.
func readEnds(fsys disk.FS, dir string) (e savedEnds, err error) {
	err = readJSON(fsys, filepath.Join(dir, endsName), endsHint, &e)
	if disk.IsNotExist(err) {
		return savedEnds{}, nil
	}
	return e, err
}

// reach is how far the shard is known to have come, in positions.
func (e *savedEnds) reach(id lake.ShardID) uint64 {
	m, ok := e.Shards[id]
	if !ok {
		return 0
	}
	last, _ := m.Last.Uint64()
	return max(last, max(m.Segment, 1)-1)
}

// shortened compares what there is of a shard: the first position of its last
// segment and its last position, both 0 without any. It says what is missing,
// "" when nothing is, and the positions of it that are known.
func (e *savedEnds) shortened(id lake.ShardID, segment, last uint64) (what string, lost lake.Span) {
	reach := e.reach(id)
	if reach > last {
		lost = lake.Span{After: lake.Pos(last), To: lake.Pos(reach)}
		return fmt.Sprintf("the log ends at position %d, but it has been at %d", last, reach), lost
	}
	if m := e.Shards[id]; m.Segment > segment {
		return fmt.Sprintf("the segment that begins at position %d is missing", m.Segment), lost
	}
	return "", lost
}

// exact reports whether the shard surely ended at the noted position: the
// stream was closed there, and neither the log nor anybody else (who has come to
// known) is further.
func (e *savedEnds) exact(id lake.ShardID, last, known uint64) bool {
	m, ok := e.Shards[id]
	noted, _ := m.Last.Uint64()
	return ok && e.Closed && max(last, known) <= noted
}

// openEnds refuses a log that is shorter than it was, and notes that it is open.
func (s *Stream) openEnds() error {
	saved, err := readEnds(s.fsys, s.dir)
	if err != nil {
		return err
	}
	now := savedEnds{Shards: map[lake.ShardID]mile{}}
	for _, sh := range s.shards {
		active := sh.active()
		if what, _ := saved.shortened(sh.id, active.first, sh.next-1); what != "" {
			return lake.Errorf(lake.ErrCorrupt, damageHint, "%s: %s; records are missing", active.path, what)
		}
		now.Shards[sh.id] = mile{lake.Pos(sh.next - 1), active.first}
	}
	s.ends.saved = now
	return s.saveEnds()
}

// saveEnds writes the file. The ends' lock is held, or nobody else is there.
func (s *Stream) saveEnds() error {
	if err := writeJSON(s.fsys, filepath.Join(s.dir, endsName), s.ends.saved); err != nil {
		return fmt.Errorf("note the ends of the log: %w", err)
	}
	return nil
}

// noteSegment notes that a segment was begun. A failure is only logged: the log
// is whole without the note, and the next one makes up for it.
func (s *Stream) noteSegment(sh *shard, first uint64) {
	s.ends.mu.Lock()
	defer s.ends.mu.Unlock()
	s.ends.saved.Shards[sh.id] = mile{lake.Pos(first - 1), first}
	if err := s.saveEnds(); err != nil {
		s.log.Warn("a new segment was not noted", "shard", string(sh.id), "first", first, "err", err)
	}
}

// noteClosed notes where each shard ends for good, unless the stream stopped
// itself: then only the next start knows. A failure is only logged.
func (s *Stream) noteClosed() {
	if s.Err() != nil {
		return
	}
	s.ends.mu.Lock()
	defer s.ends.mu.Unlock()
	for _, sh := range s.shards {
		s.ends.saved.Shards[sh.id] = mile{lake.Pos(sh.next - 1), sh.active().first}
	}
	s.ends.saved.Closed = true
	if err := s.saveEnds(); err != nil {
		s.log.Warn("the end of the log was not noted", "err", err)
	}
}

// repairEnds reads the file for a repair; a damaged one is put beside and says
// nothing.
func repairEnds(fsys disk.FS, dir string, done *Repaired) (savedEnds, error) {
	e, err := readEnds(fsys, dir)
	if !errors.Is(err, lake.ErrCorrupt) {
		return e, err
	}
	saved, err := keepDamaged(fsys, filepath.Join(dir, endsName))
	if err != nil {
		return savedEnds{}, err
	}
	done.Kept = append(done.Kept, saved)
	return savedEnds{}, removeEnds(fsys, dir)
}

// removeEnds makes the next Open note the ends anew.
func removeEnds(fsys disk.FS, dir string) error {
	if err := fsys.Remove(filepath.Join(dir, endsName)); err != nil {
		if disk.IsNotExist(err) {
			return nil
		}
		return err
	}
	return fsys.SyncDir(dir)
}
