package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventlake/lake"
)

// delay is how long after an event its raw object may be written: Firehose
// buffers for at most 15 minutes and tries for a day when S3 fails.
const delay = 25 * time.Hour

// auditor is one call of an audit.
type auditor struct {
	Config
	report *Report
	// Where the audit is: behind a piece, or in a part of the one behind it.
	after, partOf, part string
	passed              string // the books that lack a piece
	calls               int
	scheduled           bool

	books    books
	receipts map[lake.ShardID][]lake.Receipt // disjoint, in the order of their positions
	toNow    bool                            // receipts has all until now
	journal  lake.Journal
	raw      map[tableDay][]lake.File // that can hold events of the hours
	waiting  map[lake.Key]bool        // raw files that are not in their tables yet
	tables   map[lake.TableName]lake.Table
	named    map[lake.Key]bool // data files that this call has told of
}

// tableDay is where an event belongs, whatever copy of it came first.
type tableDay struct {
	table lake.TableName
	day   lake.Day
}

func newAuditor(c Config, r *Report, rest *Rest) *auditor {
	a := &auditor{Config: c, report: r, after: rest.After, partOf: rest.Piece, part: rest.Part, passed: rest.Passed, calls: rest.Calls, scheduled: rest.Scheduled,
		books: books{}, receipts: map[lake.ShardID][]lake.Receipt{}, raw: map[tableDay][]lake.File{}, waiting: map[lake.Key]bool{},
		tables: map[lake.TableName]lake.Table{}, named: map[lake.Key]bool{}}
	r.add(rest.Found)
	for _, row := range rest.Rows {
		a.books[row.Book] = &row
	}
	return a
}

// book names a book by the table that its type lives in: rows have the true
// type, objects and receipts the one that partitions use.
func book(source lake.SourceID, partitionType string, received lake.Instant) lake.Book {
	b := lake.Book{Source: source, Hour: received.Hour()}
	if partitionType != "" {
		b.Type = string(lake.Name{Type: partitionType}.Table())
	}
	return b
}

func (a *auditor) holds(t lake.Instant) bool { return t >= a.report.From && t < a.report.To }

// open reads what says what became of the records, then where they are. The order
// matters beside a running lake: tables are read last, so that each view holds at
// least what the one before it names.
func (a *auditor) open(ctx context.Context) (err error) {
	if err := a.readReceipts(ctx); err != nil {
		return err
	}
	until := a.report.To.Add(delay)
	if a.journal, err = lake.Between(ctx, a.Ledger, a.report.From, until); err != nil {
		return err
	}
	a.tally(a.journal.Books()) // workers write no receipts, and pass over nothing: each commit begins where the last one ended
	for f := range a.journal.Files(lake.KindRaw) {
		if f.Received >= a.report.From && f.Received <= until {
			k := tableDay{f.Partition.Table(), f.Partition.Day}
			a.raw[k] = append(a.raw[k], f)
		}
	}
	return a.readPending(ctx)
}

// readReceipts sums what became of the records.
func (a *auditor) readReceipts(ctx context.Context) error {
	// A batch ends at most an hour after an event of it was taken in, and log
	// times of batches may overlap at the start of the hours. Of late hours, all are read until now, to see that nothing waits behind them.
	to, now := a.report.To.Add(time.Hour), a.Clock()
	if a.toNow = now.Sub(to) < a.Settle+time.Hour; a.toNow {
		to = max(to, now+1)
	}
	for r, err := range a.Receipts.Receipts(ctx, a.report.From.Add(-time.Hour), to) {
		if err != nil {
			return err
		}
		a.receipts[r.Shard] = append(a.receipts[r.Shard], r)
	}
	for shard, all := range a.receipts {
		a.receipts[shard] = lake.Disjoint(all)
		for _, r := range a.receipts[shard] {
			a.tally(r.Books)
		}
	}
	return nil
}

// tally adds what books say of the hours.
func (a *auditor) tally(books []lake.Tally) {
	for _, t := range books {
		if a.holds(t.Hour) {
			a.books.row(book(t.Source, t.Type, t.Hour)).Tally.Add(t)
		}
	}
}

// readPending finds the raw files that are not in their tables yet. It is asked
// after the journal was read and before the tables' files are: what is taken in
// between is in the tables. The curated mark alone would not do, as one table
// that is stuck holds it back for all.
func (a *auditor) readPending(ctx context.Context) error {
	pending, err := a.Ledger.Pending(ctx)
	if err != nil {
		return err
	}
	for _, f := range pending {
		t, err := a.table(ctx, f.Partition.Table())
		if err != nil {
			return err
		}
		if !t.Has(f) {
			a.waiting[f.Key] = true
		}
	}
	return nil
}

// table is the table as it was when it was first asked for; one that does not
// exist has no files.
func (a *auditor) table(ctx context.Context, name lake.TableName) (lake.Table, error) {
	if t, ok := a.tables[name]; ok {
		return t, nil
	}
	t, err := a.Catalog.Table(ctx, name)
	if err != nil && !errors.Is(err, lake.ErrNotFound) {
		return t, fmt.Errorf("table %s: %w", name, err)
	}
	a.tables[name] = t
	return t, nil
}
