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
}

// lost counts the known losses of a shard up to the committed position.
func (a *auditor) lost(id lake.ShardID, committed uint64) (n int64) {
	for _, l := range a.Losses {
		if l.Shard != id {
			continue
		}
		after, _ := l.Span.After.Uint64()
		to, _ := l.Span.To.Uint64()
		if to = min(to, committed); to > after {
			n += int64(to - after)
		}
	}
	return n
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
