package curate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/parquetfile"
	"github.com/eventlake/lake/curate/shred"
)

// BuildConfig says what to build on the side.
type BuildConfig struct {
	Store     lake.Store
	Lines     Lines
	Limits    Limits
	LateAfter time.Duration       // not used without Known: within the build every id is compared
	Forgotten func() lake.Instant // as in Config

	Table    lake.TableName
	Location lake.Key // the table's, "" for a new one
	// Files are the raw files of the table in commit order.
	Files []lake.File
	// After and Upto bound what is taken in, shard by shard: events at or
	// before After and events behind Upto are left out. Of a shard that After
	// does not name everything is behind it, and of one that Upto does not name
	// too: a table has consumed nothing of a shard that it does not know. No Upto
	// at all is no bound. Files without a vouched span are taken in whole.
	After, Upto map[lake.ShardID]lake.Position
	// Keep is the schema whose ids are kept: a column inferred again with the
	// same place, name and type gets the same id, every other one an id above
	// LastID.
	Keep lake.Schema
	// Grow starts from Keep's columns instead of from the system columns only,
	// as the next cycle of the curator would: for building what came after.
	Grow bool
	// Known are files whose ids late rows are compared with.
	Known []lake.DataFile
	// Progress is told the number of raw files done; may be nil.
	Progress func(done, total int)
}

// Built is the outcome of Build: durable files that no snapshot names yet.
type Built struct {
	Schema         lake.Schema
	Files          []lake.DataFile
	Events         int64 // taken in; rows and late duplicates
	Rows           int64
	LateDuplicates LateDuplicates
	Conflicts      map[string]int64               // values in sibling columns, by column
	Consumed       map[lake.ShardID]lake.Position // the last position taken in, a shard
}

// Build makes data files and a schema from raw files as Once would from an
// empty table, and commits nothing. The caller either commits the files or
// calls Discard. After an error there is nothing to discard but what a crash
// would leave as well, which Catalog.Maintain removes.
//
// Ids are compared over the whole build, 24 to 64 bytes of memory an event; a
// build of very many events is done in pieces of whole days, with Grow.
func Build(ctx context.Context, c BuildConfig) (Built, error) {
	attempt, err := newAttempt()
	if err != nil {
		return Built{}, err
	}
	enc, err := parquetfile.NewEncoder()
	if err != nil {
		return Built{}, err
	}
	l := c.Limits.WithDefaults()
	start := lake.Schema{Columns: lake.SystemColumns(), LastID: max(c.Keep.LastID, 8)}
	if c.Grow {
		start = c.Keep
	}
	b := &builder{
		store: c.Store, lines: c.Lines, limits: l, lateAfter: c.LateAfter, forgotten: forgotten(c.Forgotten), filters: newFilters(filterLimit(l)),
		table: c.Table, location: c.Location, attempt: attempt, enc: enc,
		shred: shred.New(start, c.Keep, shred.Limits{Columns: l.Columns, Depth: l.Depth, Width: l.Width}),
		known: byDay(c.Known), after: c.After, upto: c.Upto, schema: start,
		conflicts: map[string]int64{}, consumed: map[lake.ShardID]lake.Position{},
	}
	for i, f := range c.Files {
		if err := b.take(ctx, f); err != nil {
			return Built{}, errors.Join(err, b.discard(ctx))
		}
		if c.Progress != nil {
			c.Progress(i+1, len(c.Files))
		}
	}
	if err := b.finish(ctx); err != nil {
		return Built{}, errors.Join(err, b.discard(ctx))
	}
	return Built{
		Schema: b.schema, Files: b.files, Events: b.events, Rows: b.rows, LateDuplicates: b.late,
		Conflicts: b.conflicts, Consumed: b.consumed,
	}, nil
}

// Summary is the Summary of the commit that swaps the files in for all of the
// table's: late duplicates and conflicts are counted anew.
func (b *Built) Summary(operation string) (map[string]string, error) {
	return summary(operation, lake.Table{}, b.LateDuplicates, b.Conflicts)
}

// Clone returns a copy that Add changes without changing b.
func (b *Built) Clone() Built {
	c := *b
	c.Files, c.Conflicts, c.Consumed = slices.Clone(b.Files), maps.Clone(b.Conflicts), maps.Clone(b.Consumed)
	c.LateDuplicates = b.LateDuplicates.clone()
	return c
}

// Add puts a later build of the same table behind b: its files, its schema
// (it was built with Grow from b's) and its counts.
func (b *Built) Add(later Built) {
	b.Schema = later.Schema
	b.Files = append(b.Files, later.Files...)
	b.Events += later.Events
	b.Rows += later.Rows
	b.LateDuplicates.Merge(later.LateDuplicates)
	for column, n := range later.Conflicts {
		b.Conflicts[column] += n
	}
	for shard, p := range later.Consumed {
		if p.After(b.Consumed[shard]) {
			b.Consumed[shard] = p
		}
	}
}

// Discard deletes the files.
func (b *Built) Discard(ctx context.Context, store lake.Store) error {
	var errs []error
	for _, f := range b.Files {
		errs = append(errs, store.Delete(ctx, f.Key))
	}
	return errors.Join(errs...)
}
