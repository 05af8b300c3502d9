package catalog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// publish makes a staged state the current one: files first, then the row. It
// reports false when the row was not where the state was planned from; the
// files are gone again then. After an error the row may have moved, so they
// stay: either they are named, or Maintain removes them.
func (c *Catalog) publish(ctx context.Context, p *staged) (bool, error) {
	if err := c.write(p); err != nil {
		return false, err
	}
	won, err := c.rows.swap(ctx, p.move()) // THE commit point
	if err != nil {
		return false, err
	}
	if !won {
		for _, f := range p.files {
			c.discard(f.key)
		}
		return false, nil
	}
	c.remember(p.next)
	for _, uri := range p.drop {
		if k, ok := c.place.key(p.name, uri); ok {
			c.discard(k)
		}
	}
	return true, nil
}

// move is the staged state's step of the table's row.
func (p *staged) move() move {
	m := move{name: p.name, from: p.from, to: p.to}
	for _, f := range p.files {
		m.add = append(m.add, sumOf(p.c.place.inTable(p.name, f.key), f.data))
	}
	for _, uri := range p.drop {
		if k, ok := p.c.place.key(p.name, uri); ok {
			m.drop = append(m.drop, p.c.place.inTable(p.name, k))
		}
	}
	return m
}

// write makes the staged files durable: each synced, then their directory.
func (c *Catalog) write(p *staged) error {
	dir := c.path(p.key(""))
	if p.from == "" {
		if err := c.fs.Mkdir(dir); err != nil {
			return disk.Full(err)
		}
	}
	for _, f := range p.files {
		if err := c.writeFile(c.path(f.key), f.data); err != nil {
			return fmt.Errorf("write %s: %w", f.key, disk.Full(err))
		}
	}
	if err := c.fs.SyncDir(filepath.Clean(dir)); err != nil {
		return fmt.Errorf("sync %s: %w", dir, disk.Full(err))
	}
	return nil
}

// writeFile writes in place: nothing names the file yet, so a torn one is only
// an orphan.
func (c *Catalog) writeFile(path string, data []byte) error {
	f, err := c.fs.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// discard removes a file that nothing names. A failure costs space only, and
// Maintain tries again.
func (c *Catalog) discard(k lake.Key) {
	if err := c.fs.Remove(c.path(k)); err != nil && !disk.IsNotExist(err) {
		c.log.Warn("cannot remove an unused metadata file", "key", k, "error", err)
	}
}

// checkFile reports lake.ErrInvalid when a data file is not there with its size:
// committing it would lose rows.
func (c *Catalog) checkFile(f lake.DataFile) error {
	size, err := c.size(f.Key)
	if disk.IsNotExist(err) {
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

func (c *Catalog) size(k lake.Key) (n int64, err error) {
	f, err := c.fs.Open(c.path(k))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Size()
}
