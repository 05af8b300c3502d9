package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
	"github.com/eventlake/lake/local/disk"
)

// Name is the name of the catalog in its SQLite file, and of its namespace.
const Name = "lake"

// Options are the parts that tests replace; the zero value is production.
type Options struct {
	FS     disk.FS      // all files but the SQLite file; nil is the operating system's
	Clock  lake.Clock   // time of snapshots and age of files; nil is the machine's
	Logger *slog.Logger // nil discards
}

// Catalog is a lake.Catalog in a data directory. It is safe for concurrent use;
// beside it other processes may read, and a second writer loses cleanly.
type Catalog struct {
	fs     disk.FS
	place  place
	rows   *rows
	tables *iceberg.Catalog
}

var _ lake.Catalog = (*Catalog)(nil)

// hintMend goes with metadata that is missing or damaged.
const hintMend = "stop the lake and run: lake doctor --repair; it goes back to whole metadata, and what the table misses then comes from raw again"

// Open opens the catalog of the data directory root and makes what is missing.
// Errors: lake.ErrCorrupt when the SQLite file is damaged (see Recover),
// lake.ErrFull.
func Open(ctx context.Context, root string, o Options) (*Catalog, error) {
	c := &Catalog{fs: o.FS}
	if c.fs == nil {
		c.fs = disk.OS{}
	}
	var err error
	if c.place, err = newPlace(root); err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	if err := c.fs.Mkdir(c.place.warehouse()); err != nil {
		return nil, fmt.Errorf("open catalog: %w", disk.Full(err))
	}
	if c.rows, err = openRows(ctx, c.place.database()); err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", c.place.database(), err)
	}
	if err := c.fs.SyncDir(c.place.warehouse()); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalog: %w", err), c.rows.close())
	}
	c.tables = iceberg.New(iceberg.Options{
		Pointer: c.rows, Files: &files{c.fs, c.place, c.rows}, Root: c.place.root(), Clock: o.Clock, Logger: o.Logger,
		Hints: iceberg.Hints{Damaged: hintMend, Foreign: "move the table's files below the data directory"},
	})
	return c, nil
}

// Close releases the SQLite file. Nothing is lost without it.
func (c *Catalog) Close() error {
	if err := c.rows.close(); err != nil {
		return fmt.Errorf("close catalog: %w", err)
	}
	return nil
}

// Tables implements lake.Catalog.
func (c *Catalog) Tables(ctx context.Context) ([]lake.TableName, error) { return c.tables.Tables(ctx) }

// Table implements lake.Catalog. It costs one SQLite look-up while the table
// does not change; after a change it reads only the manifests that are new.
func (c *Catalog) Table(ctx context.Context, name lake.TableName) (lake.Table, error) {
	return c.tables.Table(ctx, name)
}

// Commit implements lake.Catalog; see iceberg.Catalog. Errors: lake.ErrStale,
// lake.ErrInvalid (a schema or file that cannot be taken), lake.ErrFull; any
// other error leaves open whether the commit happened: ask Table.
func (c *Catalog) Commit(ctx context.Context, tc lake.TableCommit) (lake.Table, error) {
	return c.tables.Commit(ctx, tc)
}

// Maintain implements lake.Catalog; see iceberg.Catalog. Files are removed while
// the table's row cannot move.
func (c *Catalog) Maintain(ctx context.Context, name lake.TableName, keep time.Duration) (lake.Maintenance, error) {
	return c.tables.Maintain(ctx, name, keep)
}
