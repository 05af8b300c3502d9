package lake

import "context"

// Engine answers SQL over the current snapshots of the tables and over nothing
// else: it reads and writes no other path and loads no extension.
type Engine interface {
	// Query runs one read-only statement. The result must be closed. Errors:
	// ErrInvalid (syntax, unknown table, a statement that is not allowed),
	// ErrLimit (time or memory).
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
}

// Rows is a result being read.
type Rows interface {
	// Columns returns names and SQL type names, in order.
	Columns() []ResultColumn
	// Next returns the next row, nil at the end. Values are nil, bool, int64,
	// *big.Int, float64, string, []byte, time.Time (UTC), []any or
	// map[string]any; the slice is valid until the next call.
	Next() ([]any, error)
	// Close frees the result; it may be called twice.
	Close() error
}

// ResultColumn is one column of a result.
type ResultColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}
