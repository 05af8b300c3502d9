package curate

import (
	"context"
	"errors"

	"github.com/eventlake/lake"
)

// Curator is the curate stage. Its methods may be called from any goroutine;
// work on one table is done by one at a time.
type Curator struct {
	Config
	wake chan struct{}
}

// Report is what Once did.
type Report struct {
	Commits        int   `json:"commits"`         // table commits
	Events         int64 `json:"events"`          // raw events read and not consumed before
	Rows           int64 `json:"rows"`            // rows that became visible
	Files          int   `json:"files"`           // data files added
	Bytes          int64 `json:"bytes"`           // of those files
	LateDuplicates int64 `json:"late_duplicates"` // events dropped because the table has their id
	Conflicts      int64 `json:"conflicts"`       // values that went to a sibling column
}

// New checks the configuration and returns a Curator that has done nothing yet.
func New(c Config) (*Curator, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Curator{Config: c, wake: make(chan struct{}, 1)}, nil
}

// Wake makes Run look at the backlog now instead of at the end of its interval.
func (c *Curator) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run takes in what is pending until ctx ends, and returns ctx's error. A
// failed cycle is logged and tried again with back-off; it loses nothing.
func (c *Curator) Run(ctx context.Context) error { return errors.ErrUnsupported }

// Once takes in everything that is pending now. After an error a repeat goes
// on where it stopped; tables that did not fail are complete.
func (c *Curator) Once(ctx context.Context) (Report, error) {
	return Report{}, errors.ErrUnsupported
}

// Exclusive waits until nothing else works on the table and keeps it so until
// release is called. A rebuild holds it while it swaps the table's files.
func (c *Curator) Exclusive(ctx context.Context, table lake.TableName) (release func(), err error) {
	return nil, errors.ErrUnsupported
}
