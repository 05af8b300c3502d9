package iceberg

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventlake/lake"
)

// publish makes a staged state the current one: files first, then the
// pointer. It
// reports false when the pointer was not where the state was planned from; the
// files are gone again then. After an error the pointer may have moved, so they
// stay: either they are named, or Maintain removes them.
func (c *Catalog) publish(ctx context.Context, p *staged) (bool, error) {
	if err := c.files.Write(ctx, p.files); err != nil {
		return false, err
	}
	m := p.move()
	won, err := c.pointer.Swap(ctx, m) // THE commit point
	if err != nil {
		return false, err
	}
	if won {
		c.remember(p.next)
	} else if won, err = c.landed(ctx, p); err != nil {
		return false, err
	}
	if !won {
		for _, f := range p.files {
			c.discard(ctx, f.Key)
		}
		return false, nil
	}
	for _, k := range m.Drop {
		c.discard(ctx, k)
	}
	return true, nil
}

// landed looks whether a move that was refused had happened before: then the
// table's metadata is its own, or comes after it.
func (c *Catalog) landed(ctx context.Context, p *staged) (bool, error) {
	now, err := c.current(ctx, p.name)
	if errors.Is(err, lake.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find out who moved the table: %w", err)
	}
	if now.uri == p.to {
		return true, nil
	}
	for e := range now.meta.PreviousFiles() {
		if e.MetadataFile == p.to {
			return true, nil
		}
	}
	return p.snapshot != 0 && now.meta.SnapshotByID(p.snapshot) != nil, nil
}

// move is the staged state's step of the pointer.
func (p *staged) move() Move {
	m := Move{Next: p.next.table, From: p.from, To: p.to, Location: p.c.root.uri(Location(p.name)), Add: p.files}
	for _, uri := range p.drop {
		if k, ok := p.c.root.Key(p.name, uri); ok {
			m.Drop = append(m.Drop, k)
		}
	}
	return m
}

// discard removes a file that nothing names. A failure costs space only, and
// Maintain tries again.
func (c *Catalog) discard(ctx context.Context, k lake.Key) {
	if err := c.files.Remove(ctx, k); err != nil && !errors.Is(err, lake.ErrNotFound) {
		c.log.Warn("cannot remove an unused metadata file", "key", k, "error", err)
	}
}

// checkFile reports lake.ErrInvalid when a data file is not there with its size:
// committing it would lose rows.
func (c *Catalog) checkFile(ctx context.Context, f lake.DataFile) error {
	size, err := c.files.Size(ctx, f.Key)
	if errors.Is(err, lake.ErrNotFound) {
		return lake.Errorf(lake.ErrInvalid, "", "data file %s does not exist", f.Key)
	}
	if err != nil {
		return fmt.Errorf("data file %s: %w", f.Key, err)
	}
	if size != f.Bytes {
		return lake.Errorf(lake.ErrInvalid, "", "data file %s has %d bytes, not %d", f.Key, size, f.Bytes)
	}
	return nil
}
