package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
	"github.com/eventlake/lake/local/disk"
)

// Recover makes the SQLite file again from the metadata files of the tables,
// after it was damaged or lost. The old file is put aside as
// catalog.db.damaged, replacing an earlier one. The newest metadata file of
// each table that can be read counts: that is the last commit, or one that a
// crash stopped just before its commit point, whose files are all durable. The
// checksums come over from the old file as far as it can be read. No other
// process may have the catalog open. It returns the tables it found.
func Recover(ctx context.Context, root string, o Options) (names []lake.TableName, err error) {
	p, err := newPlace(root)
	if err != nil {
		return nil, fmt.Errorf("recover catalog: %w", err)
	}
	saved := salvageSums(ctx, p.database())
	for _, suffix := range []string{"-wal", "-shm", ""} {
		err := os.Rename(p.database()+suffix, p.database()+".damaged"+suffix)
		if err != nil && !disk.IsNotExist(err) {
			return nil, fmt.Errorf("recover catalog: put the old file aside: %w", err)
		}
	}
	c, err := Open(ctx, root, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	err = c.rows.change(ctx, func(tx *sql.Tx) (bool, error) {
		for name, sums := range saved {
			if err := c.rows.changeSums(ctx, tx, name, sums, nil); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("recover catalog: %w", err)
	}
	dirs, err := c.fs.ReadDir(p.warehouse())
	if err != nil {
		return nil, fmt.Errorf("recover catalog: %w", err)
	}
	for _, d := range dirs {
		name := lake.TableName(d.Name)
		if !d.Dir || !iceberg.ValidName(name) {
			continue
		}
		found, err := c.tables.Adopt(ctx, name)
		if err != nil {
			return names, fmt.Errorf("recover table %s: %w", name, err)
		}
		if found {
			names = append(names, name)
		}
	}
	return names, nil
}
