// Package ingest is the exactly-once loop: claim, transform, write, commit.
//
// Core is the part without a loop: it takes a batch and gives a verdict for
// every record. Worker pulls batches from a stream and commits them; a Lambda
// that is handed its batches uses Core in the same way.
package ingest

import (
	"context"
	"fmt"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// Sources finds the transformer of a source; it always returns one.
type Sources func(lake.SourceID) *transform.Transformer

// Core turns records into verdicts and, at Flush, into files. It belongs to
// one shard and one goroutine.
type Core struct {
	shard   lake.ShardID
	ledger  lake.Ledger
	sources Sources
	names   *Names
	sink    lake.Sink
	gzip    *raw.Compressor

	scanners map[lake.SourceID]*transform.Scanner
	slots    map[slotKey]*slot
	used     []lake.Name // admitted names in this span
	beyond   bool        // the caps gave a name of this span another place
	books    map[lake.Book]*lake.Tally
	lines    *raw.Buffer
	refused  quarantine.Buffer

	// Scratch, reused by every Take.
	pending  []pending
	claims   []lake.Claim
	outcomes []lake.Outcome
	verdicts []lake.Verdict

	answers map[asked]lake.Outcome // of a batch that comes again; see remember
}

// pending is a record that waits for the claims of its batch.
type pending struct {
	row     transform.Row
	refusal *lake.Refusal // nil when the record was understood and has a claim
}

// slotKey is what an event's partition and book follow from, but for times.
type slotKey struct {
	source lake.SourceID
	name   lake.Name
}

// slot remembers where the last event of its key went, so that the usual
// event costs one map lookup.
type slot struct {
	name  lake.Name // as admitted
	day   lake.Day
	part  *raw.Part
	hour  lake.Instant
	tally *lake.Tally
}

// NewCore returns a Core for one shard. Free memory for lines comes from free.
func NewCore(shard lake.ShardID, ledger lake.Ledger, sources Sources, names *Names, sink lake.Sink, gz *raw.Compressor, free *raw.Memory) *Core {
	return &Core{
		shard: shard, ledger: ledger, sources: sources, names: names, sink: sink, gzip: gz,
		scanners: map[lake.SourceID]*transform.Scanner{}, slots: map[slotKey]*slot{},
		books: map[lake.Book]*lake.Tally{}, lines: raw.NewBuffer(free),
	}
}

// Take decides about the records, which follow on those taken since the last
// Flush, and keeps what is unique or refused until then. The verdicts are
// valid until the next Take.
//
// After an error, of claims or of names, the verdicts before the first Pending
// one stand: a caller that can report how far it came (a Lambda) flushes those
// and leaves the rest to a repeat. Any other caller Resets the Core and takes
// the span again from the committed position.
func (c *Core) Take(ctx context.Context, records []lake.Record) ([]lake.Verdict, error) {
	c.read(records)
	return c.answer(ctx, records, c.ledger.Claim(ctx, c.shard, c.claims, c.outcomes))
}

// read understands the records, as far as they can be, and prepares a claim for
// each that is.
func (c *Core) read(records []lake.Record) {
	c.pending, c.claims = grow(c.pending, len(records)), c.claims[:0]
	c.verdicts = grow(c.verdicts, len(records))
	for i := range records {
		rec, p := &records[i], &c.pending[i]
		if p.refusal = rec.Refused; p.refusal != nil {
			continue
		}
		s := c.scanner(rec.Source)
		if !s.Recall(&rec.Event, &p.row) {
			if p.refusal = s.Scan(rec.Source, rec.Body, rec.Received, &p.row); p.refusal != nil {
				continue
			}
		}
		c.claims = append(c.claims, lake.Claim{
			ID: p.row.ID, Position: rec.Position, Time: rec.Received, Fingerprint: p.row.Fingerprint,
		})
	}
	c.outcomes = grow(c.outcomes, len(c.claims))
}

// answer acts on the outcomes of the claims of the records that were read;
// failed is the ledger's error.
func (c *Core) answer(ctx context.Context, records []lake.Record, failed error) ([]lake.Verdict, error) {
	if err := c.keep(ctx, records, failed != nil); err != nil {
		return c.verdicts, err
	}
	if failed != nil {
		return c.verdicts, fmt.Errorf("claim on %s: %w", c.shard, failed)
	}
	return c.verdicts, nil
}

// again forgets everything that was taken but the given records, the first of
// those that were read last. Their claims are not asked for again.
func (c *Core) again(ctx context.Context, records []lake.Record) error {
	c.Reset()
	return c.keep(ctx, records, false)
}

// keep gives the records, of which the Core has read at least so many, their
// verdicts, up to the first without an outcome when some may lack.
func (c *Core) keep(ctx context.Context, records []lake.Record, some bool) error {
	claim := 0
	for i := range records {
		rec, p := &records[i], &c.pending[i]
		if p.refusal != nil {
			if err := c.refuse(rec, "", p.refusal); err != nil {
				return err
			}
			c.verdicts[i] = lake.Quarantined
			continue
		}
		outcome := c.outcomes[claim]
		if some && outcome == 0 {
			return nil
		}
		verdict, err := c.settle(ctx, rec, &p.row, outcome)
		if err != nil {
			return err
		}
		c.verdicts[i], claim = verdict, claim+1
	}
	return nil
}

// settle acts on the ledger's answer for one record.
func (c *Core) settle(ctx context.Context, rec *lake.Record, row *transform.Row, outcome lake.Outcome) (lake.Verdict, error) {
	s, err := c.slot(ctx, rec.Source, row.Name)
	if err != nil {
		return lake.Pending, err
	}
	if hour := rec.Received.Hour(); s.tally == nil || s.hour != hour {
		s.hour, s.tally = hour, c.tally(lake.Book{Source: rec.Source, Type: s.name.Type, Hour: hour})
	}
	switch outcome {
	case lake.Owned:
		if day := row.Created.Day(); s.part == nil || s.day != day {
			s.day, s.part = day, c.lines.Part(lake.Partition{Name: s.name, Day: day})
		}
		s.part.Add(rec.Body, &raw.Fields{
			ID: row.ID, Weak: row.Weak, Type: row.Type, Subtype: row.Subtype, Created: row.Created,
			Source: rec.Source, Shard: c.shard, Position: rec.Position, Received: rec.Received, Taken: row.Taken,
		})
		s.tally.Unique++
		return lake.Unique, nil
	case lake.Taken:
		s.tally.Duplicate++
		return lake.Duplicate, nil
	case lake.Conflict:
		return lake.Quarantined, c.refuse(rec, s.name.Type, &lake.Refusal{
			Reason: lake.ReasonConflict, Detail: "an event with this id and another body was taken in before",
		})
	}
	return lake.Pending, fmt.Errorf("claim %s at %s: outcome %d: %w", row.ID, rec.Position, outcome, lake.ErrInvalid)
}

func (c *Core) refuse(rec *lake.Record, partitionType string, why *lake.Refusal) error {
	entry := quarantine.NewEntry(c.shard, rec, partitionType, why)
	c.tally(lake.Book{Source: rec.Source, Type: partitionType, Hour: rec.Received.Hour()}).Quarantined++
	return c.refused.Add(&entry, rec.Received)
}

func (c *Core) scanner(source lake.SourceID) *transform.Scanner {
	s := c.scanners[source]
	if s == nil {
		s = c.sources(source).Scanner()
		c.scanners[source] = s
	}
	return s
}

// maxSlots bounds the memory that odd names can take; beyond it the slots are
// simply found again.
const maxSlots = 10_000

func (c *Core) slot(ctx context.Context, source lake.SourceID, name lake.Name) (*slot, error) {
	key := slotKey{source, name}
	if s := c.slots[key]; s != nil {
		return s, nil
	}
	admitted, err := c.names.Resolve(ctx, name, c.understood)
	if err != nil {
		return nil, err
	}
	if len(c.slots) >= maxSlots {
		clear(c.slots)
	}
	c.beyond = c.beyond || admitted != name
	s := &slot{name: admitted}
	c.slots[key] = s
	c.used = append(c.used, s.name)
	return s, nil
}

// understood yields the names of the records that are being taken.
func (c *Core) understood(yield func(lake.Name) bool) {
	for i := range c.pending {
		if c.pending[i].refusal == nil && !yield(c.pending[i].row.Name) {
			return
		}
	}
}

func (c *Core) tally(b lake.Book) *lake.Tally {
	t := c.books[b]
	if t == nil {
		t = &lake.Tally{Book: b}
		c.books[b] = t
	}
	return t
}

// Bytes is the memory that waits for a Flush.
func (c *Core) Bytes() int64 { return c.lines.Bytes() + c.refused.Bytes() }

// Files is how many raw files a Flush would write.
func (c *Core) Files() int { return c.lines.Parts() }

// Flush writes what was taken since the last Flush as files of the span and
// returns the commit that makes them true. The files are durable; nothing is
// visible before the ledger has the commit.
func (c *Core) Flush(ctx context.Context, span lake.Span) (lake.Commit, error) {
	commit := lake.Commit{Shard: c.shard, Span: span, Types: c.names.undurable(c.used, c.beyond)}
	files, err := c.lines.Write(ctx, c.sink, c.shard, span)
	if err != nil {
		return lake.Commit{}, err
	}
	commit.Add = files
	refused, ok, err := quarantine.Write(ctx, c.gzip, c.shard, span, &c.refused)
	if err != nil {
		return lake.Commit{}, err
	}
	if ok {
		commit.Add = append(commit.Add, refused)
	}
	for _, t := range c.books {
		if t.Total() > 0 {
			commit.Books = append(commit.Books, *t)
		}
	}
	sortTallies(commit.Books)
	c.Reset()
	return commit, nil
}

// Reset forgets everything that was taken and not flushed.
func (c *Core) Reset() {
	c.lines.Reset()
	c.refused.Reset()
	clear(c.books)
	clear(c.slots)
	c.used, c.beyond = c.used[:0], false
}
