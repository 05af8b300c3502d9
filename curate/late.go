package curate

import "github.com/eventlake/lake"

// LateDuplicates are the events that raw holds twice because the first copy's
// claim had expired, and that the table therefore dropped.
type LateDuplicates struct {
	Total int64       `json:"total"`
	Books []LateTally `json:"books,omitempty"`
}

// LateTally counts late duplicates of one source and partition type that were
// received in [From, From + Hours).
type LateTally struct {
	Source lake.SourceID `json:"source"`
	Type   string        `json:"type"`
	From   lake.Instant  `json:"from"`
	Hours  int64         `json:"hours"` // 1, or more when old hours were folded together
	Events int64         `json:"events"`
}
