package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/eventlake/lake"
)

// books compares the ledger's tallies with what the files hold. Quarantine
// entries that were retried leave their file, so a tally may name more of them
// than the files do only by as many as were retried; those came again as new
// records, which is why the ledger takes them out of the tally in the same
// commit.
func (a *auditor) books(context.Context) error {
	booked := map[lake.Book]lake.Tally{}
	for _, t := range a.journal.Books() {
		booked[t.Book] = t
		a.report.Unique += t.Unique
		a.report.Duplicate += t.Duplicate
		a.report.Quarantined += t.Quarantined
		if _, ok := a.seen[t.Book]; !ok {
			a.seen[t.Book] = &lake.Tally{Book: t.Book}
		}
	}
	for _, b := range sortedBooks(a.seen) {
		seen, t := a.seen[b], booked[b]
		if seen.Unique != t.Unique {
			a.report.problem(bookName(b), "raw files hold %d unique events, the books say %d", seen.Unique, t.Unique)
		}
		if seen.Quarantined != t.Quarantined {
			a.report.problem(bookName(b), "quarantine files hold %d events, the books say %d", seen.Quarantined, t.Quarantined)
		}
	}
	return nil
}

func sortedBooks(m map[lake.Book]*lake.Tally) []lake.Book {
	out := make([]lake.Book, 0, len(m))
	for b := range m {
		out = append(out, b)
	}
	slices.SortFunc(out, func(x, y lake.Book) int {
		return cmp.Or(cmp.Compare(x.Hour, y.Hour), cmp.Compare(x.Source, y.Source), cmp.Compare(x.Type, y.Type))
	})
	return out
}

func bookName(b lake.Book) string {
	return fmt.Sprintf("source %s, type %q, hour %s", b.Source, b.Type, b.Hour)
}

// sourceHour is as fine as the log can be counted without reading bodies.
type sourceHour struct {
	source lake.SourceID
	hour   lake.Instant
}

// log compares positions with verdicts, and counts the records that the stream
// still keeps against the books of the hours that it keeps whole.
func (a *auditor) log(ctx context.Context) error {
	positions := a.journal.Positions()
	var decided int64
	counted := map[sourceHour]int64{}
	from := lake.Instant(0) // hours from here on are whole in the stream
	for _, s := range a.shards {
		last, ok := s.Last.Uint64()
		at, ok2 := positions[s.ID].Uint64()
		if !ok || !ok2 {
			return fmt.Errorf("audit: positions of %s are no ordinals: %w", s.ID, lake.ErrInvalid)
		}
		if at > last {
			a.report.problem(string(s.ID), "the ledger is at %d, the stream ends at %d", at, last)
			continue
		}
		waiting := a.lost(s.ID, at, last) // nobody will decide them
		passed := a.lost(s.ID, 0, at)
		a.report.Accepted += int64(last)
		a.report.InFlight += int64(last-at) - waiting
		a.report.Lost += passed + waiting
		decided += int64(at) - passed
		first, err := a.countShard(ctx, s, positions[s.ID], counted)
		if err != nil {
			return err
		}
		switch {
		case s.Trimmed.IsZero():
		case first == 0: // nothing decided is kept, so no hour is whole
			from = math.MaxInt64
		default:
			from = max(from, first.Hour().Add(hour))
		}
	}
	if sum := a.report.Unique + a.report.Duplicate + a.report.Quarantined; sum != decided {
		a.report.problem("books", "%d records were decided, but %d unique + %d duplicate + %d quarantined = %d",
			decided, a.report.Unique, a.report.Duplicate, a.report.Quarantined, sum)
	}
	a.compareLog(counted, from, a.gaps(positions))
	return nil
}

// countShard counts the kept records up to the committed position and returns
// the log time of the first.
func (a *auditor) countShard(ctx context.Context, s lake.Shard, to lake.Position, counted map[sourceHour]int64) (first lake.Instant, err error) {
	var b lake.Batch
	after := s.Trimmed
	for to.After(after) {
		if err := a.Stream.Read(ctx, s.ID, after, 4<<20, &b); err != nil {
			if errors.Is(err, lake.ErrCorrupt) {
				a.report.problem(string(s.ID), "%v", err)
				return first, nil
			}
			return first, err
		}
		if len(b.Records) == 0 {
			if !a.marked(s.ID, lake.Span{After: after, To: to}) {
				a.report.problem(string(s.ID), "the stream ends after %s, before the committed position %s; stop the lake and run: lake doctor --repair", after, to)
			}
			return first, nil
		}
		if first == 0 {
			first = b.Records[0].Received
		}
		for i := range b.Records {
			r := &b.Records[i]
			if r.Position.After(to) {
				break
			}
			counted[sourceHour{r.Source, r.Received.Hour()}]++
			a.report.LogRecords++
		}
		after = b.Records[len(b.Records)-1].Position
	}
	return first, nil
}

// marked reports whether the stream is known to have lost all of the span.
func (a *auditor) marked(id lake.ShardID, s lake.Span) bool {
	after, _ := s.After.Uint64()
	to, _ := s.To.Uint64()
	var lost int64
	for _, g := range a.Gaps[id] {
		lost += overlap(g, after, to)
	}
	return lost == int64(to-after)
}

// gaps counts the committed positions that the stream has lost.
func (a *auditor) gaps(positions map[lake.ShardID]lake.Position) (lost int64) {
	for id, spans := range a.Gaps {
		at, _ := positions[id].Uint64()
		for _, g := range spans {
			lost += overlap(g, 0, at)
		}
	}
	return lost
}

// compareLog compares what the log holds with the books. Records that were
// decided before the log lost them may be missing: raw has their events.
func (a *auditor) compareLog(counted map[sourceHour]int64, from lake.Instant, lost int64) {
	booked := map[sourceHour]int64{}
	for _, t := range a.journal.Books() {
		booked[sourceHour{t.Source, t.Hour}] += t.Total()
	}
	for k := range booked {
		if _, ok := counted[k]; !ok {
			counted[k] = 0
		}
	}
	for k, n := range counted {
		if missing := booked[k] - n; missing > 0 && missing <= lost {
			lost -= missing
			continue
		}
		if k.hour >= from && n != booked[k] {
			a.report.problem(fmt.Sprintf("source %s, hour %s", k.source, k.hour),
				"the stream holds %d decided records, the books say %d", n, booked[k])
		}
	}
}
