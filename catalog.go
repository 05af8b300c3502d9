package lake

import (
	"context"
	"time"
)

// SnapshotID names one committed state of a table; 0 is "no snapshot yet".
type SnapshotID int64

// Catalog keeps tables: their schemas, snapshots and the data files of each.
type Catalog interface {
	// Tables lists the tables, sorted by name.
	Tables(ctx context.Context) ([]TableName, error)
	// Table returns the current state of a table; ErrNotFound when there is
	// none.
	Table(ctx context.Context, name TableName) (Table, error)
	// Commit makes one new snapshot: schema, added and removed files and
	// consumed positions become visible together and durable. The table is
	// created when Base is 0 and it does not exist. ErrStale when the current
	// snapshot is not Base, or a file to remove is not in it: nothing changed.
	Commit(ctx context.Context, c TableCommit) (Table, error)
	// Maintain expires snapshots older than keep (always keeping the current
	// one), and deletes files of the table that no kept snapshot names and that
	// are older than keep. Safe beside writers; a repeat finds nothing to do.
	Maintain(ctx context.Context, name TableName, keep time.Duration) (Maintenance, error)
}

// Table is one state of a table.
type Table struct {
	Name     TableName
	Schema   Schema
	Snapshot SnapshotID
	Time     Instant              // when the snapshot was made
	Consumed map[ShardID]Position // how far the table has taken in each shard's raw files
	Summary  map[string]string    // what the last commit said about itself
	Files    []DataFile           // sorted by Key
	Location Key                  // where data and metadata of the table lie in the store
}

// Has reports whether the table has taken in all events of a raw file.
func (t *Table) Has(f File) bool { return !f.Span.To.After(t.Consumed[f.Shard]) }

// DataFile is a Parquet file of one day.
type DataFile struct {
	Key     Key          `json:"key"`
	Day     Day          `json:"day"`
	Rows    int64        `json:"rows"`
	Bytes   int64        `json:"bytes"`
	Columns []ColumnStat `json:"columns,omitempty"` // leaf columns; kept by the catalog for pruning, may be empty when read back
}

// ColumnStat is the statistics of one leaf column in one file. Bounds are in
// Iceberg's single-value serialization (appendix D of the table spec): integers
// little endian, strings UTF-8 (possibly truncated), uuid 16 bytes big endian.
type ColumnStat struct {
	ID     ColumnID `json:"id"`
	Bytes  int64    `json:"bytes"` // compressed, in the file
	Values int64    `json:"values"`
	Nulls  int64    `json:"nulls"`
	Lower  []byte   `json:"lower,omitempty"` // nil when unknown
	Upper  []byte   `json:"upper,omitempty"`
}

// TableCommit is one atomic step of a table.
type TableCommit struct {
	Table    TableName
	Base     SnapshotID // the snapshot that the commit was computed from
	Schema   Schema     // the schema from now on; equal to the old one when unchanged
	Add      []DataFile // written and durable before the commit
	Remove   []DataFile
	Consumed map[ShardID]Position // merged over the table's; never moves back
	Summary  map[string]string    // properties for people and audits, e.g. operation, late duplicates
}

// Maintenance is what Maintain did.
type Maintenance struct {
	Snapshots int   // expired
	Files     int   // deleted, data and metadata
	Bytes     int64 // freed
}
