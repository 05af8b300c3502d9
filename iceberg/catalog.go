package iceberg

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

const (
	// historyMin, historyGrace and historyPart bound how many snapshots a commit
	// carries on: beyond historyMin it forgets those that were replaced longer ago
	// than historyGrace, once they are one in historyPart. Without the bound every
	// commit would cost more than the last. What is forgotten is told in a file, so
	// the files of those snapshots stay for as long as Maintain is asked to keep
	// them.
	historyMin   = 100
	historyGrace = 10 * time.Minute
	historyPart  = 3
	// metadataVersions is how many older metadata files are kept for readers that
	// have just looked up where the metadata is.
	metadataVersions = 20
	// attempts bounds the tries when another process changes the table without
	// moving its snapshot.
	attempts = 10
)

// Options are what a catalog is made of.
type Options struct {
	Pointer  Pointer
	Files    Files
	Root     Root
	Clock    lake.Clock   // time of snapshots and age of files; nil is the machine's
	Logger   *slog.Logger // nil discards
	Parallel int          // how many files are read or looked up at once; 0 is one
	Hints    Hints
}

// Hints tell an operator of this place what to do.
type Hints struct {
	Damaged string // about metadata that is missing or damaged
	Foreign string // about files of a table that lie outside of the store
}

// Catalog is a lake.Catalog. It is safe for concurrent use; beside it other
// processes may read, and a second writer loses cleanly.
type Catalog struct {
	pointer  Pointer
	files    Files
	root     Root
	clock    lake.Clock
	log      *slog.Logger
	parallel int
	hints    Hints

	mu        sync.Mutex // guards the maps
	locks     map[lake.TableName]*sync.Mutex
	states    map[lake.TableName]*state
	histories map[lake.TableName]*history
}

var _ lake.Catalog = (*Catalog)(nil)

// New makes a catalog. It does no input or output.
func New(o Options) *Catalog {
	c := &Catalog{
		pointer:   o.Pointer,
		files:     o.Files,
		root:      o.Root,
		clock:     o.Clock,
		log:       o.Logger,
		parallel:  max(1, o.Parallel),
		hints:     o.Hints,
		locks:     map[lake.TableName]*sync.Mutex{},
		states:    map[lake.TableName]*state{},
		histories: map[lake.TableName]*history{},
	}
	if c.clock == nil {
		c.clock = lake.SystemClock
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Tables implements lake.Catalog.
func (c *Catalog) Tables(ctx context.Context) ([]lake.TableName, error) {
	names, err := c.pointer.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return names, nil
}

// Table implements lake.Catalog. It costs one look at the pointer while the
// table does not change; after a change it reads only the manifests that are
// new.
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
