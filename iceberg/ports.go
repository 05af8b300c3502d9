package iceberg

import (
	"context"
	"iter"

	"github.com/eventlake/lake"
)

// Pointer keeps, for every table, the URI of its current metadata file. Moving
// it is the commit point.
type Pointer interface {
	// List returns the tables that have a pointer, sorted by name.
	List(ctx context.Context) ([]lake.TableName, error)
	// Get returns where the table's current metadata lies. lake.ErrNotFound when
	// there is no such table.
	Get(ctx context.Context, name lake.TableName) (uri string, err error)
	// Swap moves the pointer from one metadata file to the next, durably, if it
	// is at From still. It reports false when it is elsewhere. Where answers can
	// be lost that may be after the move, when another came on top of it: then
	// To is in the log of the metadata that is current. After an error the
	// pointer may have moved or not.
	Swap(ctx context.Context, m Move) (won bool, err error)
	// Hold runs remove if the table's pointer is at uri still, and where it can,
	// keeps the pointer from moving meanwhile. ok is false, and remove was not
	// run, when the pointer is elsewhere.
	Hold(ctx context.Context, name lake.TableName, uri string, remove func() error, named Named) (ok bool, err error)
}

// Named tells whether some kept state of a table names a file. A Pointer that
// records things about files forgets those that nothing names; a nil Named says
// that this is not known yet.
type Named func(lake.Key) bool

// Move is one step of a table's pointer.
type Move struct {
	Next     lake.Table // the table as it is after the move; its Files are not to be changed
	From, To string     // URIs of metadata files; From is "" for a new table
	Location string     // URI of the table's directory
	Add      []File     // the metadata files that were written for the move, To's the last
	Drop     []lake.Key // metadata files that the new metadata no longer lists
}

// File is a metadata file with its content.
type File struct {
	Key  lake.Key
	Data []byte
}

// Files keeps the files that pointers lead to. Errors: lake.ErrNotFound for a
// file that is not there.
type Files interface {
	// Write makes the files durable, each whole; until then nothing names them.
	// All lie in one directory. After an error some may be there.
	Write(ctx context.Context, files []File) error
	// Read returns the content of a metadata file. checked is true when it was
	// compared with a checksum; lake.ErrCorrupt when it differs from it.
	Read(ctx context.Context, name lake.TableName, key lake.Key) (data []byte, checked bool, err error)
	// Size returns the length of a file in bytes.
	Size(ctx context.Context, key lake.Key) (int64, error)
	// List yields the files below a directory, which ends in a slash.
	List(ctx context.Context, dir lake.Key) iter.Seq2[lake.Info, error]
	// Remove removes a file. Removing one that is not there is lake.ErrNotFound
	// or, where the backend does not tell, success.
	Remove(ctx context.Context, key lake.Key) error
}
