package ledger

import "github.com/eventlake/lake"

// Verdicts counts all records ever decided.
type Verdicts struct {
	Unique    int64 `json:"unique"`
	Duplicate int64 `json:"duplicate"`
	Refused   int64 `json:"refused"`   // quarantined for what they are
	Conflicts int64 `json:"conflicts"` // quarantined because their id belongs to another event
}

func (v *Verdicts) add(t lake.Tally) {
	v.Unique += t.Unique
	v.Duplicate += t.Duplicate
	if t.Type == "" { // its name was not known
		v.Refused += t.Quarantined
	} else {
		v.Conflicts += t.Quarantined
	}
}

// Held sums live files.
type Held struct {
	Files  int64 `json:"files"`
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"` // compressed
}

// Waiting is the raw files that are not yet in their tables.
type Waiting struct {
	Held
	Oldest lake.Instant `json:"oldest"` // log time of the last record of the oldest file; 0 when there is none
}

// Stats describes the ledger for people and metrics.
type Stats struct {
	Commits    int64        `json:"commits"`     // since Open
	LastCommit lake.Instant `json:"last_commit"` // by the machine's clock; 0 when there was none
	Files      int          `json:"files"`       // live
	Pending    int          `json:"pending"`     // raw files beyond the curated mark
	Shards     int          `json:"shards"`

	Verdicts   Verdicts `json:"verdicts"`
	Raw        Held     `json:"raw"`
	Quarantine Held     `json:"quarantine"`
	Waiting    Waiting  `json:"waiting"`

	HotClaims  int64 `json:"hot_claims"`  // in memory, tentative ones too
	ColdClaims int64 `json:"cold_claims"` // in runs
	Runs       int   `json:"runs"`
	Sealing    bool  `json:"sealing"`

	HotBytes  int64 `json:"hot_bytes"`  // memory of the tables, a spare one included
	ColdBytes int64 `json:"cold_bytes"` // memory of filters and indexes
	RunBytes  int64 `json:"run_bytes"`  // on disk
	LogBytes  int64 `json:"log_bytes"`  // on disk, behind the snapshot
	Snapshot  int64 `json:"snapshot_bytes"`
}

// Stats returns the numbers of this moment.
func (l *Ledger) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{
		Commits: l.state.commits, LastCommit: l.state.last,
		Files: len(l.state.files.byKey), Pending: len(l.state.pending), Shards: len(l.state.shards),
		HotClaims: int64(l.active.count), HotBytes: l.active.bytes(),
		Runs: len(l.runs), Sealing: l.sealing != nil,
		LogBytes: l.tail, Snapshot: l.snapshotBytes,
	}
	s.Verdicts = l.state.books.sum
	s.Raw, s.Quarantine = l.state.files.held[lake.KindRaw], l.state.files.held[lake.KindQuarantine]
	for _, it := range l.state.pending {
		b := &s.Waiting
		b.Held = Held{b.Files + 1, b.Events + it.file.Events, b.Bytes + it.file.Bytes}
		if b.Oldest == 0 || it.file.Received < b.Oldest {
			b.Oldest = it.file.Received
		}
	}
	if l.segment != nil {
		s.LogBytes += l.segment.size.Load()
	}
	for _, t := range []*table{l.sealing, l.spare} {
		if t != nil {
			s.HotClaims += int64(t.count)
			s.HotBytes += t.bytes()
		}
	}
	for _, r := range l.runs {
		s.ColdClaims += r.info.Claims
		s.ColdBytes += r.memory()
		s.RunBytes += r.info.Bytes
	}
	return s
}
