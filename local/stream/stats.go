package stream

import (
	"time"

	"github.com/eventlake/lake"
)

// Counts are running totals of a shard since the stream was opened.
type Counts struct {
	Records  int64         `json:"records"`   // stored
	Frames   int64         `json:"frames"`    // stored, one fsync each
	Bytes    int64         `json:"bytes"`     // stored, frames whole
	SyncTime time.Duration `json:"sync_time"` // spent in writing and syncing frames
	Full     int64         `json:"full"`      // frames that found the disk full
}

// ShardStats describes a shard.
type ShardStats struct {
	ID       lake.ShardID  `json:"id"`
	First    lake.Position `json:"first"` // the oldest position kept
	Last     lake.Position `json:"last"`
	Bytes    int64         `json:"bytes"`
	Segments int           `json:"segments"`
	Oldest   lake.Instant  `json:"oldest"` // no kept record has an older log time; 0 when not known
	Newest   lake.Instant  `json:"newest"` // log time of the last record; 0 when there was none
	Gaps     []lake.Span   `json:"gaps,omitempty"`
	Counts   Counts        `json:"counts"`
}

// Stats is a picture of the stream.
type Stats struct {
	Shards []ShardStats `json:"shards"`
	Bytes  int64        `json:"bytes"`  // of all segments
	Queued int64        `json:"queued"` // bytes that wait for their fsync
}

// Stats returns the state of every shard. It reads no file.
func (s *Stream) Stats() Stats {
	out := Stats{Bytes: s.bytes.Load(), Queued: s.queued.Load()}
	for _, sh := range s.shards {
		sh.mu.RLock()
		st := ShardStats{
			ID: sh.id, First: lake.Pos(sh.trimmed + 1), Last: lake.Pos(sh.next - 1),
			Segments: len(sh.segments), Oldest: sh.segments[0].time, Newest: sh.time,
			Gaps: append([]lake.Span(nil), sh.gaps...), Counts: sh.counts,
		}
		for _, g := range sh.segments {
			st.Bytes += g.size
		}
		sh.mu.RUnlock()
		out.Shards = append(out.Shards, st)
	}
	return out
}

// Gaps returns the positions of each shard that were lost to damage and that
// Repair has marked; shards without any are left out.
func (s *Stream) Gaps() map[lake.ShardID][]lake.Span {
	out := map[lake.ShardID][]lake.Span{}
	for _, st := range s.Stats().Shards {
		if len(st.Gaps) > 0 {
			out[st.ID] = st.Gaps
		}
	}
	return out
}
