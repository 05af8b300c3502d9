package curate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/eventlake/lake"
)

// The entries of a table's Summary.
const (
	SummaryOperation = "lake.operation"       // append, compact or rebuild
	SummaryLate      = "lake.late_duplicates" // LateDuplicates as JSON, of the table's whole life
	SummaryConflicts = "lake.conflicts"       // values in sibling columns by column as JSON, of the table's whole life
)

// LateDuplicates are the events that raw holds twice because the first copy's
// claim had expired, and that the table therefore dropped.
type LateDuplicates struct {
	Total int64       `json:"total"`
	Books []LateTally `json:"books,omitempty"` // sorted by From, Source, Type
}

// LateTally counts late duplicates of one source and partition type that were
// received in [From, From + Hours).
type LateTally struct {
	Source lake.SourceID `json:"source"`
	Type   string        `json:"type"`
	From   lake.Instant  `json:"from"`
	Hours  int64         `json:"hours"` // 1, or more where old hours were folded together
	Events int64         `json:"events"`
}

// maxLateBooks bounds the list in the summary. Beyond it the oldest half is
// folded, one entry a source and type.
const maxLateBooks = 512

// LateOf reads a table's late duplicates.
func LateOf(t lake.Table) (LateDuplicates, error) {
	var l LateDuplicates
	text := t.Summary[SummaryLate]
	if text == "" {
		return l, nil
	}
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return l, fmt.Errorf("summary of table %s: %w: %w", t.Name, err, lake.ErrCorrupt)
	}
	return l, nil
}

// Add counts events of a book.
func (l *LateDuplicates) Add(b lake.Book, events int64) {
	l.Merge(LateDuplicates{Total: events, Books: []LateTally{{b.Source, b.Type, b.Hour, 1, events}}})
}

func (l LateDuplicates) clone() LateDuplicates {
	l.Books = slices.Clone(l.Books)
	return l
}

// Merge adds the counts of m.
func (l *LateDuplicates) Merge(m LateDuplicates) {
	l.Total += m.Total
	for _, t := range m.Books {
		i, found := slices.BinarySearchFunc(l.Books, t, compareLate)
		if found {
			l.Books[i].Events += t.Events
		} else {
			l.Books = slices.Insert(l.Books, i, t)
		}
	}
	if len(l.Books) > maxLateBooks {
		l.fold()
	}
}

func compareLate(a, b LateTally) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Source, b.Source),
		cmp.Compare(a.Type, b.Type), cmp.Compare(a.Hours, b.Hours))
}

func (l *LateDuplicates) fold() {
	type book struct {
		source lake.SourceID
		name   string
	}
	half := len(l.Books) / 2
	sums := map[book]*LateTally{}
	for _, t := range l.Books[:half] {
		k := book{t.Source, t.Type}
		s := sums[k]
		if s == nil {
			c := t
			sums[k] = &c
			continue
		}
		end := max(s.end(), t.end())
		s.From = min(s.From, t.From)
		s.Hours = int64(end.Sub(s.From) / time.Hour)
		s.Events += t.Events
	}
	l.Books = slices.Clone(l.Books[half:])
	for _, s := range sums {
		l.Books = append(l.Books, *s)
	}
	slices.SortFunc(l.Books, compareLate)
}

func (t *LateTally) end() lake.Instant { return t.From.Add(time.Duration(t.Hours) * time.Hour) }

// summary makes the next summary of a table.
func summary(operation string, t lake.Table, late LateDuplicates, conflicts map[string]int64) (map[string]string, error) {
	sum, err := LateOf(t)
	if err != nil {
		return nil, err
	}
	sum.Merge(late)
	all := map[string]int64{}
	if text := t.Summary[SummaryConflicts]; text != "" {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return nil, fmt.Errorf("summary of table %s: %w: %w", t.Name, err, lake.ErrCorrupt)
		}
	}
	for column, n := range conflicts {
		all[column] += n
	}
	out := map[string]string{SummaryOperation: operation}
	for key, v := range map[string]any{SummaryLate: sum, SummaryConflicts: all} {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("summary: %w", err)
		}
		out[key] = string(text)
	}
	return out, nil
}
