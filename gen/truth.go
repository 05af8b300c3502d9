package gen

import "github.com/eventlake/lake"

// Truth is what is in the lines, taken in their order: where an id conflicts,
// the first event with it counts. Lines is the sum of Unique, Duplicates and all
// of Malformed.
type Truth struct {
	Lines      int64                 `json:"lines"`
	Unique     int64                 `json:"unique"` // events that a lake holds in the end
	Duplicates int64                 `json:"duplicates"`
	Late       int64                 `json:"late"`      // of the unique ones
	Malformed  map[lake.Reason]int64 `json:"malformed"` // with id_conflict
	ByType     map[string]int64      `json:"by_type"`   // unique events
	Cents      int64                 `json:"cents"`     // sum of amount_cents of the unique payments
}

// Truth returns what is in the lines so far; complete when Next has said that
// there are no more.
func (g *Generator) Truth() Truth {
	t := g.truth
	t.Malformed, t.ByType = map[lake.Reason]int64{}, map[string]int64{}
	for i, n := range g.refused {
		if n > 0 {
			t.Malformed[defects[i].reason] += n
		}
	}
	if g.conflicts > 0 {
		t.Malformed[lake.ReasonConflict] = g.conflicts
	}
	for i, n := range g.byType {
		if n > 0 {
			t.ByType[types[i].name] = n
		}
	}
	return t
}
