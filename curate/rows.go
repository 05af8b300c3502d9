package curate

import (
	"context"
	"errors"
	"iter"

	"github.com/eventlake/lake"
)

// Row is a row's system columns.
type Row struct {
	ID       lake.ID
	Type     string // event_type
	Subtype  string
	Created  lake.Instant
	Received lake.Instant
	Source   lake.SourceID
	Shard    lake.ShardID
	Position string
}

// Rows reads the system columns of a data file, in the file's order, checking
// page checksums on the way. Damage ends the sequence with lake.ErrCorrupt.
func Rows(ctx context.Context, store lake.Store, f lake.DataFile) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) { yield(Row{}, errors.ErrUnsupported) }
}
