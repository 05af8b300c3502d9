package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Trimmed is what Trim did.
type Trimmed struct {
	Segments int   // deleted
	Bytes    int64 // freed
}

// Trim deletes whole segments, oldest first, that are at or below the passed
// position of their shard. A segment goes when every named consumer has passed
// it too and its youngest record is older than Retention by the clock; or when the
// segments take more than RetainBytes. A shard that is not in passed keeps
// everything, and so does the segment being written. What was deleted before an
// error stays deleted; a repeat goes on.
func (s *Stream) Trim(ctx context.Context, passed map[lake.ShardID]lake.Position) (done Trimmed, err error) {
	s.trimming.Lock()
	defer s.trimming.Unlock()
	old := s.options.Clock().Add(-s.options.Retention)
	for id := range passed {
		if _, err := s.shard(id); err != nil {
			return done, err
		}
	}
	for _, sh := range s.shards {
		limit, all := s.consumers.floor(sh.id)
		if all || limit.After(passed[sh.id]) {
			limit = passed[sh.id]
		}
		for {
			g, end, youngest := sh.oldest()
			if g == nil || youngest >= old || lake.Pos(end).After(limit) {
				break
			}
			if err := s.drop(ctx, sh, g, end, &done); err != nil {
				return done, err
			}
		}
	}
	for s.options.RetainBytes > 0 && s.bytes.Load() > s.options.RetainBytes {
		var from *shard
		var g *segment
		var end uint64
		var oldest lake.Instant
		for _, sh := range s.shards {
			cand, last, youngest := sh.oldest()
			if cand != nil && !lake.Pos(last).After(passed[sh.id]) && (g == nil || youngest < oldest) {
				from, g, end, oldest = sh, cand, last, youngest
			}
		}
		if g == nil {
			break
		}
		if err := s.drop(ctx, from, g, end, &done); err != nil {
			return done, err
		}
	}
	return done, nil
}

// oldest returns the first segment, its last position and the log time of its
// last record; nil when it is the one being written.
func (sh *shard) oldest() (g *segment, end uint64, youngest lake.Instant) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if len(sh.segments) < 2 {
		return nil, 0, 0
	}
	return sh.segments[0], sh.end(0), sh.segments[1].time
}

// drop deletes a shard's first segment. The directory is synced before the
// next one can go, so that a crash never leaves a hole.
func (s *Stream) drop(ctx context.Context, sh *shard, g *segment, end uint64, done *Trimmed) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh.mu.Lock()
	sh.trimmed = max(sh.trimmed, end)
	sh.mu.Unlock()
	if err := s.fsys.Remove(g.path); err != nil && !disk.IsNotExist(err) {
		return fmt.Errorf("trim %s: %w", g.path, err)
	}
	if err := s.fsys.SyncDir(sh.dir); err != nil {
		return errors.Join(fmt.Errorf("trim %s", g.path), err)
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.segments = append([]*segment(nil), sh.segments[1:]...)
	for len(sh.gaps) > 0 && !sh.gaps[0].To.After(lake.Pos(end)) {
		sh.gaps = sh.gaps[1:]
	}
	s.bytes.Add(-g.size)
	done.Segments++
	done.Bytes += g.size
	s.log.Info("trimmed segment", "shard", string(sh.id), "to", end, "bytes", g.size)
	return nil
}
