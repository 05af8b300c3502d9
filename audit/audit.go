// Package audit proves that nothing was lost and nothing was doubled: it
// recomputes the books from the files themselves and compares them with what
// the ledger, the stream and the tables say.
package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Row is one row of a table as the audit needs it.
type Row struct {
	ID       lake.ID
	Source   lake.SourceID
	Received lake.Instant
}

// Parts is what an audit reads. It changes nothing.
type Parts struct {
	Stream  lake.Stream
	Ledger  lake.Ledger
	Catalog lake.Catalog
	Lines   *raw.Reader // without a cache: the audit reads what is on disk
	Rows    func(context.Context, lake.DataFile) iter.Seq2[Row, error]
	// Inspect checks the files that the audit does not read itself: the tables'
	// metadata, the ledger's, the stream's, the keys. May be nil.
	Inspect func(context.Context) (Inspection, error)
	// ClaimTTL is the claims' lifetime: copies further apart in log time both
	// reach raw, and the table drops the second.
	ClaimTTL int64 // seconds
	// Forgotten is the log time before which claims may be gone, however long
	// they should live: of what was received by then, copies reach raw too.
	Forgotten lake.Instant
	// Gaps are the positions that the stream has lost to damage and that a
	// repair has marked; may be nil.
	Gaps map[lake.ShardID][]lake.Span
	// Losses are what is known to be lost; may be nil.
	Losses []Loss
	// Progress is told what was checked; may be nil.
	Progress func(done, total int64, what string)
}

// Problem is one place where something does not balance or is damaged.
type Problem struct {
	Where string `json:"where"` // file, table and day, or book
	What  string `json:"what"`
}

// Inspection is what was found in the lake's own files.
type Inspection struct {
	Metadata int // metadata files of tables, compared with their checksums
	Unknown  int // of those, how many have no checksum and were only read
	// Older are data files that only older snapshots name. Those that are gone
	// when they are read have expired.
	Older    []lake.DataFile
	Problems []Problem
}

// Report is the outcome of an audit.
type Report struct {
	Accepted    int64 `json:"accepted"` // events that the stream ever stored
	Unique      int64 `json:"unique"`
	Duplicate   int64 `json:"duplicate"`
	Quarantined int64 `json:"quarantined"`
	InFlight    int64 `json:"in_flight"` // stored, not yet decided
	Lost        int64 `json:"lost"`      // stored once, and nowhere: known losses

	RawFiles        int   `json:"raw_files"`
	RawEvents       int64 `json:"raw_events"`
	QuarantineFiles int   `json:"quarantine_files"`
	Tables          int   `json:"tables"`
	Metadata        int   `json:"metadata_files"`
	Unknown         int   `json:"metadata_files_without_checksum"` // of those, only read
	TableFiles      int   `json:"table_files"`
	OlderFiles      int   `json:"older_table_files"` // that only older snapshots name
	TableRows       int64 `json:"table_rows"`
	LateDuplicates  int64 `json:"late_duplicates"` // in raw twice because the claim had expired, in the table once
	ToTables        int64 `json:"to_tables"`       // in raw, not yet in a table
	LogRecords      int64 `json:"log_records"`     // read again from the stream and compared

	Losses   []Loss    `json:"losses,omitempty"`
	Problems []Problem `json:"problems"`
}

// OK reports whether everything balances, and every loss is accepted.
func (r *Report) OK() bool { return len(r.Problems) == 0 && !r.Unaccepted() }

// maxProblems bounds the list; one damaged file can make very many.
const maxProblems = 1000

func (r *Report) problem(where, format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{where, fmt.Sprintf(format, args...)})
	}
}

// Run audits the lake. The error is for what kept the audit from running;
// what it found is in the report.
func Run(ctx context.Context, p Parts) (*Report, error) {
	a := &auditor{Parts: p, report: &Report{Problems: []Problem{}, Losses: p.Losses}, seen: map[lake.Book]*lake.Tally{}, unread: map[lake.TableName]bool{}}
	steps := []func(context.Context) error{a.open, a.inspect, a.rawFiles, a.quarantineFiles, a.books, a.log, a.tables}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return a.report, nil
}

// auditor is one audit under way.
type auditor struct {
	Parts
	report  *Report
	journal lake.Journal
	shards  []lake.Shard
	states  map[lake.TableName]lake.Table
	unread  map[lake.TableName]bool   // tables that cannot be read
	seen    map[lake.Book]*lake.Tally // recounted from the files
	days    map[tableDay][]lake.File  // raw files by what they must be found in
	done    int64
	total   int64
}

// tableDay is the unit in which raw and table are compared: copies of an event
// always meet there.
type tableDay struct {
	table lake.TableName
	day   lake.Day
}

// open takes a view of every part. The order matters beside a running lake:
// tables before ledger before stream, so that each later view holds at least
// what the earlier one names.
func (a *auditor) open(ctx context.Context) (err error) {
	a.states = map[lake.TableName]lake.Table{}
	names, err := a.Catalog.Tables(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		t, err := a.Catalog.Table(ctx, name)
		if errors.Is(err, lake.ErrCorrupt) || errors.Is(err, lake.ErrInvalid) {
			a.unread[name] = true
			where := "table " + string(name)
			a.report.problem(where, "its rows are not compared: %s", strings.TrimPrefix(err.Error(), where+": "))
			continue
		}
		if err != nil {
			return err
		}
		a.states[name] = t
		a.total += int64(len(t.Files))
	}
	if a.journal, err = a.Ledger.Journal(ctx); err != nil {
		return err
	}
	if a.shards, err = a.Stream.Shards(ctx); err != nil {
		return err
	}
	a.days = map[tableDay][]lake.File{}
	for f := range a.journal.Files("") {
		a.total++
		if f.Kind == lake.KindRaw {
			k := tableDay{f.Partition.Table(), f.Partition.Day}
			a.days[k] = append(a.days[k], f)
		}
	}
	return nil
}

func (a *auditor) progress(what string) {
	a.done++
	if a.Progress != nil {
		a.Progress(a.done, a.total, what)
	}
}

func (a *auditor) recount(b lake.Book) *lake.Tally {
	t := a.seen[b]
	if t == nil {
		t = &lake.Tally{Book: b}
		a.seen[b] = t
	}
	return t
}
