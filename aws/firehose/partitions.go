package firehose

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// partitions keeps count of those that the delivery stream has open because of
// this sink. A delivery stream with more open ones than its quota sends the
// lines of all others to the error prefix.
type partitions struct {
	limit int
	hold  time.Duration // how long one stays open after its last line

	mu   sync.Mutex
	last map[lake.Partition]lake.Instant // the latest line of those that are open
}

// admit says for each part whether it may go through Firehose: partitions that
// are open may, and of the others those with the most bytes, until the limit.
func (p *partitions) admit(parts []lake.Part, now lake.Instant) []bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	may := make([]bool, len(parts))
	var others []int
	for i := range parts {
		if _, open := p.last[parts[i].Partition]; open {
			p.last[parts[i].Partition], may[i] = now, true
		} else {
			others = append(others, i)
		}
	}
	if len(p.last)+len(others) > p.limit {
		p.expire(now)
		slices.SortStableFunc(others, func(a, b int) int { return cmp.Compare(len(parts[b].Lines), len(parts[a].Lines)) })
	}
	for _, i := range others {
		if len(p.last) >= p.limit {
			break
		}
		p.last[parts[i].Partition], may[i] = now, true
	}
	return may
}

func (p *partitions) expire(now lake.Instant) {
	for k, last := range p.last {
		if now.Sub(last) > p.hold {
			delete(p.last, k)
		}
	}
}
