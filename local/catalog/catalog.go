package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Name is the name of the catalog in its SQLite file, and of its namespace.
const Name = "lake"

const (
	// historyMin and historyGrace bound how many snapshots a commit carries on:
	// beyond historyMin it forgets those that were replaced longer ago than
	// historyGrace. Without the bound every commit would cost more than the last.
	historyMin   = 100
	historyGrace = 10 * time.Minute
	// metadataVersions is how many older metadata files are kept for readers that
	// have just looked up where the metadata is.
	metadataVersions = 20
	// attempts bounds the tries when another process changes the table without
	// moving its snapshot.
	attempts = 10
)

// Options are the parts that tests replace; the zero value is production.
type Options struct {
	FS     disk.FS      // all files but the SQLite file; nil is the operating system's
	Clock  lake.Clock   // time of snapshots and age of files; nil is the machine's
	Logger *slog.Logger // nil discards
}

// Catalog is a lake.Catalog in a data directory. It is safe for concurrent use;
// beside it other processes may read, and a second writer loses cleanly.
type Catalog struct {
	fs    disk.FS
	clock lake.Clock
	log   *slog.Logger
	place place
	rows  *rows

	mu        sync.Mutex // guards the maps
	locks     map[lake.TableName]*sync.Mutex
	states    map[lake.TableName]*state
	histories map[lake.TableName]*history
}

var _ lake.Catalog = (*Catalog)(nil)

// Open opens the catalog of the data directory root and makes what is missing.
// Errors: lake.ErrCorrupt when the SQLite file is damaged (see Recover),
// lake.ErrFull.
func Open(ctx context.Context, root string, o Options) (*Catalog, error) {
	c := &Catalog{
		fs:        o.FS,
		clock:     o.Clock,
		log:       o.Logger,
		locks:     map[lake.TableName]*sync.Mutex{},
		states:    map[lake.TableName]*state{},
		histories: map[lake.TableName]*history{},
	}
	if c.fs == nil {
		c.fs = disk.OS{}
	}
	if c.clock == nil {
		c.clock = lake.SystemClock
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
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
func (c *Catalog) Tables(ctx context.Context) ([]lake.TableName, error) {
	names, err := c.rows.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return names, nil
}

// Table implements lake.Catalog. It costs one SQLite look-up while the table
// does not change; after a change it reads only the manifests that are new.
func (c *Catalog) Table(ctx context.Context, name lake.TableName) (lake.Table, error) {
	st, err := c.current(ctx, name)
	if err != nil {
		return lake.Table{}, fmt.Errorf("table %s: %w", name, err)
	}
	return st.public(), nil
}

// lock takes the table's lock for a change and returns its release. It keeps
// commits and maintenance of one process from making each other retry.
func (c *Catalog) lock(name lake.TableName) (unlock func()) {
	c.mu.Lock()
	l, ok := c.locks[name]
	if !ok {
		l = &sync.Mutex{}
		c.locks[name] = l
	}
	c.mu.Unlock()
	l.Lock()
	return l.Unlock
}

func (c *Catalog) path(k lake.Key) string {
	return filepath.Join(c.place.root, filepath.FromSlash(string(k)))
}
