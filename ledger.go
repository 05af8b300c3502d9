package lake

import (
	"context"
	"iter"
)

// Claim is a record asking to own an event ID. The owner is the record's place
// in the stream (Shard, Position), never just "seen": the same record asking
// again after a crash must get the same answer.
type Claim struct {
	ID          ID
	Position    Position
	Time        Instant // the record's Received: claims expire by log time, not by the clock
	Fingerprint uint32  // of the body: the same ID with another fingerprint is a conflict
}

// Outcome is the ledger's answer to one claim.
type Outcome uint8

// The outcomes of a claim.
const (
	Owned    Outcome = iota + 1 // this record owns the ID, now or since an earlier try
	Taken                       // another record owns it, with the same fingerprint: a duplicate
	Conflict                    // another record owns it, with another fingerprint
)

// Ledger is the truth about what the lake has taken in.
type Ledger interface {
	// Claim answers each claim of the shard in order, into out (same length).
	// The first record ever to claim an ID owns it until the claim expires;
	// asking again gives the same answer. Of two claims in one call the earlier
	// wins. An owned claim becomes durable no later than the Commit whose span
	// holds its position; one that was never committed may be forgotten by a
	// crash, and then its record comes again. After an error out holds the
	// outcomes that are known, and 0 for claims whose outcome is not: those may
	// or may not have been made, and asking again tells.
	Claim(ctx context.Context, shard ShardID, claims []Claim, out []Outcome) error

	// Position returns how far the shard is committed; zero when it never was.
	Position(ctx context.Context, shard ShardID) (Position, error)

	// Commit makes files, tallies, claims and position true together and
	// durable, in one step: THE commit point. The span must begin at the
	// shard's position, else ErrStale and nothing has happened; so a worker
	// that lost its shard can do no harm. A commit with an empty span moves no
	// position and only adds and removes files (merging, retry); it is refused
	// with ErrStale when a file to remove is not live.
	Commit(ctx context.Context, c Commit) error

	// Journal returns a consistent view of everything committed so far.
	Journal(ctx context.Context) (Journal, error)
}

// Commit is one atomic step of the ledger.
type Commit struct {
	Shard  ShardID
	Span   Span
	Add    []File  // written and durable before the commit
	Remove []File  // live until now; their objects may be deleted afterwards
	Books  []Tally // the verdicts of the span, at most one entry a Book key
	Types  []Name  // names seen for the first time, admitted under the cap
}

// Journal is a read-only view of the ledger at one moment.
type Journal interface {
	// Positions returns the committed position of every shard.
	Positions() map[ShardID]Position
	// Files yields the live files in commit order: first those of kind that
	// were committed first. Empty kind means all.
	Files(kind Kind) iter.Seq[File]
	// Books returns the tallies of all commits, summed by Book.
	Books() []Tally
	// Names returns the admitted names, in order of admission.
	Names() []Name
}

// Excerpts is a Ledger that reads a part of its Journal for less: it may name
// millions of files.
type Excerpts interface {
	// Between is Journal, but of files it has only those whose Received lies in
	// from..to, both included.
	Between(ctx context.Context, from, to Instant) (Journal, error)
}

// Between returns a Journal that has at least the files whose Received lies in
// from..to, both included. It has others when the ledger is no Excerpts.
func Between(ctx context.Context, l Ledger, from, to Instant) (Journal, error) {
	if e, ok := l.(Excerpts); ok {
		return e.Between(ctx, from, to)
	}
	return l.Journal(ctx)
}

// Book is what tallies are kept by. The hour is that of Received, log time.
type Book struct {
	Source SourceID `json:"source"`
	Type   string   `json:"type"` // partition type; "" for what has none (quarantined before its name was known)
	Hour   Instant  `json:"hour"` // start of the UTC hour
}

// Tally counts the verdicts of one Book, in events.
type Tally struct {
	Book
	Unique      int64 `json:"unique"`
	Duplicate   int64 `json:"duplicate"`
	Quarantined int64 `json:"quarantined"`
}

// Total is the number of records that the tally accounts for.
func (t Tally) Total() int64 { return t.Unique + t.Duplicate + t.Quarantined }

// Add sums the verdicts of u into t.
func (t *Tally) Add(u Tally) {
	t.Unique += u.Unique
	t.Duplicate += u.Duplicate
	t.Quarantined += u.Quarantined
}

// Backlog is the ledger as the curate stage sees it: the committed raw files
// that are not yet in their tables.
type Backlog interface {
	// Pending returns the raw files whose span lies beyond the curated mark, in
	// commit order (so ascending by span within a shard).
	Pending(ctx context.Context) ([]File, error)
	// Curated returns the curated mark: every raw file with Span.To at or below
	// its shard's mark is in its table.
	Curated(ctx context.Context) (map[ShardID]Position, error)
	// MarkCurated moves the mark forward, after the table commits; it never
	// moves back. It is a hint that may be lost by a crash: the tables' own
	// consumed positions are the truth.
	MarkCurated(ctx context.Context, mark map[ShardID]Position) error
}
