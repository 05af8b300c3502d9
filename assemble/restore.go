package assemble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/local/store"
	"github.com/eventlake/lake/local/stream"
	"github.com/eventlake/lake/raw"
)

// Restored is what a new ledger was made of.
type Restored struct {
	Files       int        `json:"files"` // raw and quarantine
	Unique      int64      `json:"unique"`
	Duplicate   int64      `json:"duplicate"`
	Quarantined int64      `json:"quarantined"`
	Unplaced    int64      `json:"unplaced"` // duplicates whose source, type and hour nobody knows any more
	Missing     int64      `json:"missing"`  // rows of tables that are in no raw file; counted as duplicates
	Again       int64      `json:"again"`    // records that the stream gives to ingest again
	Unused      []lake.Key `json:"unused"`   // files that are no data: merged, retried or left by a crash
	Strange     []lake.Key `json:"strange"`  // files that the lake would not name so
}

// restorer makes a ledger anew. The catalog and the stream are whole.
type restorer struct {
	config   config.Config
	log      *slog.Logger
	store    *store.Store
	stream   *stream.Stream
	consumed consumedBy
	missing  map[tableDay]int64 // rows that tables have more than raw files events
	reader   *fileReader
	sources  ingest.Sources
	done     Restored

	shards map[lake.ShardID]*shardFacts
	books  map[lake.Book]*lake.Tally
}

// tableDay is where an event has its row.
type tableDay struct {
	table lake.TableName
	day   lake.Day
}

// shardFacts is what is known about a shard without a ledger.
type shardFacts struct {
	lake.Shard
	to     lake.Position // committed
	seen   bitmap        // positions that are in a file
	latest lake.Instant  // log time in the files
}

// bitmap is a set of ordinals.
type bitmap []uint64

// add reports whether n was not in the set.
func (b *bitmap) add(n uint64) bool {
	if want := int(n/64) + 1; len(*b) < want {
		*b = append(*b, make([]uint64, want-len(*b))...)
	}
	bit := uint64(1) << (n % 64)
	fresh := (*b)[n/64]&bit == 0
	(*b)[n/64] |= bit
	return fresh
}

func (b bitmap) has(n uint64) bool { return n/64 < uint64(len(b)) && b[n/64]>>(n%64)&1 != 0 }

// RestoreLedger makes the ledger again from the raw and quarantine files, the
// tables and the stream, and replaces the one that is there in one step. The
// caller holds the lock of the data directory. Counts by source, type and hour
// come back as far as the stream reaches; older duplicates are one sum.
func RestoreLedger(ctx context.Context, cfg config.Config, log *slog.Logger) (done Restored, err error) {
	r := &restorer{
		config: cfg, log: log, store: store.New(disk.OS{}, cfg.Data),
		shards: map[lake.ShardID]*shardFacts{}, books: map[lake.Book]*lake.Tally{}, missing: map[tableDay]int64{},
	}
	if r.sources, err = cfg.Transformers(); err != nil {
		return done, err
	}
	r.reader = newFileReader(r.store, r.sources)
	if r.stream, err = openStream(ctx, disk.OS{}, cfg, log); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, r.stream.Close()) }()
	if err := r.tables(ctx); err != nil {
		return done, err
	}
	err = r.run(ctx)
	return r.done, err
}

// tables reads how far each table is, and how many rows it has.
func (r *restorer) tables(ctx context.Context) (err error) {
	c, err := catalog.Open(ctx, r.config.Data, catalog.Options{Logger: r.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if r.consumed, err = consumed(ctx, c); err != nil {
		return err
	}
	for name := range r.consumed {
		t, err := c.Table(ctx, name)
		if err != nil {
			return err
		}
		for _, f := range t.Files {
			r.missing[tableDay{name, f.Day}] += f.Rows
		}
	}
	return nil
}

func (r *restorer) run(ctx context.Context) error {
	files, strange, err := findFiles(ctx, r.store)
	if err != nil {
		return err
	}
	r.done.Strange = strange
	if files, err = r.committed(ctx, files); err != nil {
		return err
	}
	gz, err := raw.NewCompressor(r.store, r.config.Raw.Level)
	if err != nil {
		return err
	}
	files, dropped, err := r.reader.settleOverlaps(ctx, files, gz)
	if err != nil {
		return err
	}
	r.done.Unused = append(r.done.Unused, dropped...)
	to, err := ledger.Restore(ctx, disk.OS{}, filepath.Join(r.config.Data, ledgerDir), ledger.Options{
		TTL: r.config.Claims.TTL, HotBytes: int64(r.config.Claims.Memory), Logger: r.log,
	})
	if err != nil {
		return err
	}
	if err := r.fill(ctx, to, files); err != nil {
		return errors.Join(err, to.Abort())
	}
	return to.Finish(ctx)
}

// committed finds how far each shard is certainly committed, and leaves out
// the files beyond: the stream gives their records to ingest again.
//
// A span is committed when a later one was begun, when a table has taken it
// in, or when the stream has let go of it.
func (r *restorer) committed(ctx context.Context, files []found) ([]found, error) {
	shards, err := r.stream.Shards(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range shards {
		r.shards[s.ID] = &shardFacts{Shard: s}
	}
	for _, f := range files {
		s := r.shards[f.Shard]
		if s == nil {
			return nil, lake.Errorf(lake.ErrCorrupt, "restore the stream directory from a back-up", "%s is of %s, which the stream does not have", f.key, f.Shard)
		}
		if f.Span.After.After(s.to) {
			s.to = f.Span.After
		}
	}
	for _, consumed := range r.consumed {
		for id, p := range consumed {
			if s := r.shards[id]; s != nil && p.After(s.to) {
				s.to = p
			}
		}
	}
	for id, s := range r.shards {
		s.to = r.reach(s, files)
		if s.to.After(s.Last) {
			return nil, lake.Errorf(lake.ErrCorrupt, "run: lake doctor --repair",
				"the stream of %s ends at %s, but its files reach to %s", id, s.Last, s.to)
		}
		last, _ := s.Last.Uint64()
		to, _ := s.to.Uint64()
		r.done.Again += int64(last - to)
	}
	return slices.DeleteFunc(files, func(f found) bool {
		beyond := f.Span.To.After(r.shards[f.Shard].to)
		if beyond {
			r.done.Unused = append(r.done.Unused, f.key)
		}
		return beyond
	}), nil
}

// reach moves the committed end to where the stream can go on from.
func (r *restorer) reach(s *shardFacts, files []found) lake.Position {
	to := s.to
	gaps := r.stream.Gaps()[s.ID]
	for _, f := range files { // ascending by end
		if f.Shard != s.ID || !f.Span.To.After(to) {
			continue
		}
		lost := s.Trimmed.After(to) || f.Span.To.After(s.Last)
		for _, g := range gaps {
			lost = lost || g.To.After(to) && f.Span.To.After(g.After)
		}
		if lost { // the records cannot come again: what is in the file is what there is
			to = f.Span.To
		}
	}
	if s.Trimmed.After(to) {
		to = s.Trimmed
	}
	return to
}

// fill puts everything into the new ledger.
func (r *restorer) fill(ctx context.Context, to *ledger.Restorer, files []found) error {
	var names []lake.Name
	known := map[lake.Name]bool{}
	for _, f := range files {
		c, err := r.reader.read(ctx, f, false)
		if err != nil {
			return err
		}
		if err := r.count(f, &c); err != nil {
			return err
		}
		if err := to.AddFile(c.file, c.claims); err != nil {
			return err
		}
		r.done.Files++
		if f.Kind == lake.KindRaw {
			r.missing[tableDay{f.Partition.Table(), f.Partition.Day}] -= c.file.Events
		}
		if f.Kind == lake.KindRaw && !known[f.Partition.Name] {
			known[f.Partition.Name] = true
			names = append(names, f.Partition.Name)
		}
	}
	to.AddNames(names)
	admit := ingest.NewNames(ingest.Caps{Types: r.config.Ingest.MaxTypes, Subtypes: r.config.Ingest.MaxSubtypes}, names)
	for id, s := range r.shards {
		if err := r.duplicates(ctx, s, admit); err != nil {
			return err
		}
		if err := to.SetPosition(id, s.to); err != nil {
			return err
		}
	}
	for _, t := range r.books {
		to.AddTallies([]lake.Tally{*t})
	}
	to.MarkCurated(r.mark(files))
	for _, rows := range r.missing {
		r.done.Missing += max(0, rows)
	}
	if r.done.Missing == 0 {
		return nil
	}
	return to.Forget(lake.SystemClock()) // tables know their events; nobody else does
}

// count notes the events of a file.
func (r *restorer) count(f found, c *contents) error {
	s := r.shards[f.Shard]
	s.latest = max(s.latest, c.file.Received)
	for i, p := range c.positions {
		n, ok := p.Uint64()
		if !ok || !f.Span.Contains(p) {
			return lake.Errorf(lake.ErrCorrupt, "restore the file from a back-up, or move it out of the directory to give its events up",
				"%s: position %s lies outside the span %s", f.key, p, f.Span)
		}
		if !s.seen.add(n) {
			return lake.Errorf(lake.ErrCorrupt, "one of them was left by a crash under another mapping: move the older one out of the directory",
				"%s: position %s is in another file too", f.key, p)
		}
		if f.Kind == lake.KindRaw {
			r.tally(c.books[i]).Unique++
			r.done.Unique++
		} else {
			r.tally(c.books[i]).Quarantined++
			r.done.Quarantined++
		}
	}
	return nil
}

func (r *restorer) tally(b lake.Book) *lake.Tally {
	t := r.books[b]
	if t == nil {
		t = &lake.Tally{Book: b}
		r.books[b] = t
	}
	return t
}

// duplicates books the records up to the committed position that are in no
// file: copies of others.
func (r *restorer) duplicates(ctx context.Context, s *shardFacts, names *ingest.Names) error {
	total, ok := s.to.Uint64()
	if !ok {
		return fmt.Errorf("position %s of %s is no ordinal: %w", s.to, s.ID, lake.ErrInvalid)
	}
	lost, err := readLosses(r.config.Data)
	if err != nil {
		return err
	}
	unread := int64(total)
	for _, l := range lost { // recorded as being nowhere: no copies of anything
		if l.Shard == s.ID && !l.Span.To.After(s.to) {
			unread -= l.Records
		}
	}
	for _, word := range s.seen {
		for ; word != 0; word &= word - 1 {
			unread--
		}
	}
	hour := s.latest.Hour()
	var b lake.Batch
	for after := s.Trimmed; s.to.After(after); {
		if err := r.stream.Read(ctx, s.ID, after, 4<<20, &b); err != nil {
			return err
		}
		if len(b.Records) == 0 {
			break
		}
		if after == s.Trimmed {
			hour = b.Records[0].Received.Hour()
		}
		for i := range b.Records {
			rec := &b.Records[i]
			if rec.Position.After(s.to) {
				break
			}
			if n, _ := rec.Position.Uint64(); s.seen.has(n) {
				continue
			}
			book := lake.Book{Source: rec.Source, Hour: rec.Received.Hour()}
			if r.reader.scan(rec.Source, rec.Body, rec.Received) == nil {
				book.Type = names.Admit(r.reader.row.Name).Type
			}
			r.tally(book).Duplicate++
			r.done.Duplicate++
			unread--
		}
		after = b.Records[len(b.Records)-1].Position
	}
	if unread > 0 {
		r.tally(lake.Book{Source: lake.DefaultSource, Hour: hour}).Duplicate += unread
		r.done.Duplicate += unread
		r.done.Unplaced += unread
	}
	return nil
}

// mark is how far every raw file is in its table.
func (r *restorer) mark(files []found) map[lake.ShardID]lake.Position {
	out := map[lake.ShardID]lake.Position{}
	for id, s := range r.shards {
		mark := s.to
		for _, f := range files {
			if f.Kind == lake.KindRaw && f.Shard == id && f.Span.To.After(r.consumed[f.Partition.Table()][id]) && mark.After(f.Span.After) {
				mark = f.Span.After
			}
		}
		out[id] = mark
	}
	return out
}
