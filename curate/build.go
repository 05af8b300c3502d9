package curate

import (
	"context"
	"errors"
	"time"

	"github.com/eventlake/lake"
)

// BuildConfig says what to build on the side.
type BuildConfig struct {
	Store     lake.Store
	Lines     Lines
	Limits    Limits
	LateAfter time.Duration

	Table lake.TableName
	// Files are the raw files of the table in commit order.
	Files []lake.File
	// Upto bounds what is taken in, shard by shard: later events are left out.
	// A shard that it does not name is taken in whole; nil is no bound.
	Upto map[lake.ShardID]lake.Position
	// Keep is the schema whose ids are kept: a column inferred again with the
	// same place and type gets the same id, every other one an id above LastID.
	Keep lake.Schema
	// Grow starts from Keep's columns instead of from the system columns only,
	// as the next cycle of the curator would. For building what came after.
	Grow bool
	// Known are files whose ids the new rows are deduplicated against.
	Known []lake.DataFile
	// Progress is told the number of raw files done; may be nil.
	Progress func(done, total int)
}

// Built is the outcome of Build: durable files that no snapshot names yet.
type Built struct {
	Schema         lake.Schema
	Files          []lake.DataFile
	Rows           int64
	LateDuplicates LateDuplicates
	Conflicts      int64
	Consumed       map[lake.ShardID]lake.Position // the last position taken in, a shard
}

// Build makes data files and a schema from raw files as Once would from an
// empty table, and commits nothing. The caller either commits the files or
// calls Discard.
func Build(ctx context.Context, c BuildConfig) (Built, error) {
	return Built{}, errors.ErrUnsupported
}

// Discard deletes the files.
func (b *Built) Discard(ctx context.Context, store lake.Store) error {
	var errs []error
	for _, f := range b.Files {
		errs = append(errs, store.Delete(ctx, f.Key))
	}
	return errors.Join(errs...)
}
