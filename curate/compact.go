package curate

import (
	"context"
	"errors"

	"github.com/eventlake/lake"
)

// CompactOptions say what to compact.
type CompactOptions struct {
	Table lake.TableName // "" is every table
	Full  bool           // every day with more than one file or an unsorted one, not only days with many small files
	Steps int            // at most so many days; 0 is all that are due
}

// CompactReport is what Compact did.
type CompactReport struct {
	Days    int   `json:"days"` // days of tables that were rewritten
	Removed int   `json:"removed"`
	Added   int   `json:"added"`
	Rows    int64 `json:"rows"`
	Before  int64 `json:"bytes_before"`
	After   int64 `json:"bytes_after"`
}

// Compact merges the small files of a day into files of Limits.FileBytes,
// sorted by created_datetime, one table commit a day. It adds and drops no
// row: counts and ids are compared before each commit.
func (c *Curator) Compact(ctx context.Context, o CompactOptions) (CompactReport, error) {
	return CompactReport{}, errors.ErrUnsupported
}

// CompactDue reports whether Compact without Full has something to do.
func (c *Curator) CompactDue(ctx context.Context) (bool, error) {
	return false, errors.ErrUnsupported
}
