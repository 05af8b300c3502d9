package firehose

import (
	"errors"
	"sync"

	"github.com/eventlake/lake"
)

// outcome gathers what was not delivered.
type outcome struct {
	mu    sync.Mutex
	first lake.Position
	parts map[int]struct{}
	cause error // of the first that is noted
}

// note notes a part that was not delivered from the position on.
func (o *outcome) note(part int, first lake.Position, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.parts == nil {
		o.parts, o.first, o.cause = map[int]struct{}{}, first, err
	}
	o.parts[part] = struct{}{}
	if o.first.After(first) {
		o.first = first
	}
}

// lost notes the records of a batch that are left.
func (o *outcome) lost(parts []lake.Part, b *batch, left []int, err error) {
	failed := map[int]struct{}{}
	for _, record := range left {
		failed[record] = struct{}{}
	}
	for _, s := range b.segments {
		if _, is := failed[s.record]; is {
			p := &parts[s.part]
			o.note(s.part, firstOf(lineAt(p.Lines, s.at), p), err)
		}
	}
}

// directLost notes that the direct sink failed. One that kept some lines says
// from which position on it did not; which parts those are it does not say.
func (o *outcome) directLost(direct []lake.Part, from []int, err error) {
	var some *lake.Undelivered
	errors.As(err, &some)
	for i := range direct {
		first := direct[i].First
		if some != nil && some.First.After(first) {
			first = some.First
		}
		o.note(from[i], first, err)
	}
}

func (o *outcome) err() error {
	if o.parts == nil {
		return nil
	}
	return &lake.Undelivered{First: o.first, Parts: len(o.parts), Err: o.cause}
}
