package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/raw"
)

// delay is how long after an event its raw object may be written: Firehose
// buffers for at most 15 minutes and tries for a day when S3 fails.
const delay = 25 * time.Hour

// auditor is one audit.
type auditor struct {
	Config
	report   *Report
	books    books
	receipts map[lake.ShardID][]lake.Receipt // disjoint, in the order of their positions
	toNow    bool                            // receipts has all until now
	// ids are those that raw has of the hours, by table, with the number of
	// rows that were found for each, or inFlight.
	ids    map[lake.TableName]map[lake.ID]int32
	tables map[lake.TableName]lake.Table // as they were after the journal was read
}

// inFlight stands for the rows of an id that only files have which are not in
// their table yet: none are looked for.
const inFlight = -1

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

// readBooks sums what workers have committed: they write no receipts, and pass
// over nothing, since each commit begins where the last one ended.
func (a *auditor) readBooks(journal lake.Journal) { a.tally(journal.Books()) }

// tally adds what books say of the hours.
func (a *auditor) tally(books []lake.Tally) {
	for _, t := range books {
		if a.holds(t.Hour) {
			a.books.row(book(t.Source, t.Type, t.Hour)).Add(t)
		}
	}
}

// readStream looks for records between the first and the last receipt of each
// shard that no receipt covers: they were passed over.
func (a *auditor) readStream(ctx context.Context) error {
	for shard, list := range a.receipts {
		if err := a.readShard(ctx, shard, list); err != nil {
			return fmt.Errorf("read %s again: %w", shard, err)
		}
	}
	return nil
}

func (a *auditor) readShard(ctx context.Context, shard lake.ShardID, list []lake.Receipt) error {
	var batch lake.Batch
	var missed int64
	var first lake.Position
	at := slices.IndexFunc(list, func(r lake.Receipt) bool { return r.Time >= a.report.From })
	if at < 0 {
		return nil
	}
	end := list[len(list)-1].To
	for after := list[at].First.Before(); end.After(after); {
		err := a.Stream.Read(ctx, shard, after, lake.MaxBody, &batch)
		if errors.Is(err, lake.ErrTrimmed) || errors.Is(err, lake.ErrNotFound) { // a closed shard goes with its last record
			a.report.problem("%s: the stream no longer has records from %s on; look sooner, or keep it longer", shard, after)
			return nil
		}
		if err != nil && !errors.Is(err, lake.ErrEnded) {
			return err
		}
		if len(batch.Records) == 0 {
			break
		}
		for i := range batch.Records {
			p := batch.Records[i].Position
			if p.After(end) {
				break
			}
			a.report.Streamed++
			for at < len(list) && p.After(list[at].To) {
				at++
			}
			if at < len(list) && list[at].First.After(p) {
				if missed == 0 {
					first = p
				}
				missed++
			}
		}
		after = batch.Records[len(batch.Records)-1].Position
	}
	if missed > 0 {
		a.report.Gap += missed
		a.report.problem("%s: %d records from %s on have no receipt: they were passed over", shard, missed, first)
	}
	return nil
}

// readRaw counts the records in the objects that can hold events of the hours,
// and sees whether an object of the ledger is gone or cut. The books of the same
// moment are those of the commits that name the objects.
func (a *auditor) readRaw(ctx context.Context) error {
	journal, err := a.Ledger.Journal(ctx)
	if err != nil {
		return err
	}
	a.readBooks(journal)
	waiting, err := a.readPending(ctx)
	if err != nil {
		return err
	}
	records := seen{}
	var fields raw.Fields
	for f := range journal.Files(lake.KindRaw) {
		if f.Received < a.report.From || f.Received > a.report.To.Add(delay) {
			continue
		}
		err := a.Lines.EachLine(ctx, f, func(line []byte) error {
			if _, err := raw.Split(line, &fields); err != nil {
				return err
			}
			if !a.holds(fields.Received) {
				return nil
			}
			row := a.books.row(book(fields.Source, f.Partition.Type, fields.Received))
			if records.add(fields.Shard, fields.Position) {
				row.Raw++
			} else {
				row.Repeats++
			}
			name := f.Partition.Table()
			if a.ids[name] == nil {
				a.ids[name] = map[lake.ID]int32{}
			}
			if _, known := a.ids[name][fields.ID]; !waiting[f.Key] {
				a.ids[name][fields.ID] = 0
			} else if !known {
				a.ids[name][fields.ID] = inFlight
			}
			return nil
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.report.problem("raw object %s cannot be read: %s", f.Key, f.Key.Reason(err))
		}
	}
	return nil
}

// readPending counts the raw files that are not in their tables yet, and returns
// their keys. It is asked after the journal was read and before the tables'
// files are: what is taken in between is in the tables. The curated mark alone
// would not do, as one table that is stuck holds it back for all.
func (a *auditor) readPending(ctx context.Context) (map[lake.Key]bool, error) {
	pending, err := a.Ledger.Pending(ctx)
	if err != nil {
		return nil, err
	}
	waiting := map[lake.Key]bool{}
	for _, f := range pending {
		t, err := a.table(ctx, f.Partition.Table())
		if err != nil {
			return nil, err
		}
		if !t.Has(f) {
			waiting[f.Key] = true
		}
	}
	a.report.InFlight = len(waiting)
	return waiting, nil
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

// readTables looks for the row of every id that raw has.
func (a *auditor) readTables(ctx context.Context) error {
	for name, ids := range a.ids {
		t, err := a.table(ctx, name)
		if err != nil {
			return err
		}
		unreadable := false
		for _, f := range t.Files {
			for row, err := range curate.Rows(ctx, a.Store, f) {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					a.report.problem("data file %s cannot be read: %s", f.Key, f.Key.Reason(err))
					unreadable = true
					break
				}
				a.row(name, ids, &row)
			}
		}
		if !unreadable {
			a.missing(name, ids)
		}
	}
	return nil
}

func (a *auditor) row(name lake.TableName, ids map[lake.ID]int32, row *curate.Row) {
	if a.holds(row.Received) {
		a.books.row(lake.Book{Source: row.Source, Type: string(name), Hour: row.Received.Hour()}).Table++
	}
	n, ok := ids[row.ID]
	if !ok {
		return
	}
	n = max(n, 0)
	if ids[row.ID] = n + 1; n > 0 {
		a.report.Doubled++
		a.report.problem("table %s has event %s %d times", name, row.ID, n+1)
	}
}

// missing counts the ids without a row. Those that only files have which wait
// for their table are no gap.
func (a *auditor) missing(name lake.TableName, ids map[lake.ID]int32) {
	var n int64
	var one lake.ID
	for id, rows := range ids {
		if rows == 0 {
			n, one = n+1, id
		}
	}
	if n > 0 {
		a.report.Gap += n
		a.report.problem("table %s lacks %d events that are in raw, one of them %s", name, n, one)
	}
}

// compare names every book that has another number of events than raw.
func (a *auditor) compare() {
	for _, r := range a.books.sorted() {
		if r.Raw != r.Unique {
			a.report.Gap += max(r.Unique-r.Raw, r.Raw-r.Unique)
			a.report.problem("source %s, table %s, hour %s: %d events are unique by the books, %d are in raw",
				r.Source, cmp.Or(r.Type, "(none)"), r.Hour, r.Unique, r.Raw)
		}
	}
}
