package audit

import (
	"time"

	"github.com/eventlake/lake"
)

// Loss is records that the stream lost to damage before anything was decided
// about them: they were acknowledged, and are nowhere. It was recorded when it
// was found.
type Loss struct {
	Shard    lake.ShardID `json:"shard"`
	Span     lake.Span    `json:"span"`
	Records  int64        `json:"records"`
	Found    time.Time    `json:"found"`
	Reason   string       `json:"reason"`
	Accepted time.Time    `json:"accepted,omitzero"` // when somebody took note of it; zero: nobody did
	// Unbounded says that the end of the log was gone: what it held behind
	// Span.To, if anything, nothing tells, and Records does not count it.
	Unbounded bool `json:"unbounded,omitempty"`
}

// lost counts the known losses of a shard behind a position and up to another.
func (a *auditor) lost(id lake.ShardID, after, to uint64) (n int64) {
	for _, l := range a.Losses {
		if l.Shard == id {
			n += overlap(l.Span, after, to)
		}
	}
	return n
}

// overlap is how many positions of a span lie behind one and up to another.
func overlap(s lake.Span, after, to uint64) int64 {
	from, _ := s.After.Uint64()
	last, _ := s.To.Uint64()
	if from, last = max(from, after), min(last, to); last > from {
		return int64(last - from)
	}
	return 0
}

// Unaccepted reports whether there is a loss that nobody has taken note of.
func (r *Report) Unaccepted() bool {
	for _, l := range r.Losses {
		if l.Accepted.IsZero() {
			return true
		}
	}
	return false
}
