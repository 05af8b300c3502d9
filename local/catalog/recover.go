package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
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
		if !d.Dir || !validName(name) {
			continue
		}
		found, err := c.recoverTable(ctx, name)
		if err != nil {
			return names, fmt.Errorf("recover table %s: %w", name, err)
		}
		if found {
			names = append(names, name)
		}
	}
	return names, nil
}

func (c *Catalog) recoverTable(ctx context.Context, name lake.TableName) (bool, error) {
	uri, err := c.newest(ctx, name)
	if err != nil || uri == "" {
		return false, err
	}
	return c.rows.swap(ctx, move{name: name, to: uri})
}

// versions lists the URIs of the table's metadata files that can be read,
// newest first.
func (c *Catalog) versions(ctx context.Context, name lake.TableName) ([]string, error) {
	dir := c.place.location(name) + "/metadata"
	entries, err := c.fs.ReadDir(c.path(dir))
	if disk.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type candidate struct {
		uri     string
		updated int64
	}
	var all []candidate
	for _, e := range entries {
		if !strings.HasSuffix(e.Name, ".metadata.json") {
			continue
		}
		uri := c.place.uri(dir + "/" + lake.Key(e.Name))
		data, _, err := c.read(ctx, name, uri)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			c.log.Warn("skipping unreadable table metadata", "uri", uri, "error", err)
			continue
		}
		m, err := table.ParseMetadataBytes(data)
		if err != nil {
			c.log.Warn("skipping unreadable table metadata", "uri", uri, "error", err)
			continue
		}
		all = append(all, candidate{uri, m.LastUpdatedMillis()})
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(-cmp.Compare(version(a.uri), version(b.uri)), -cmp.Compare(a.updated, b.updated))
	})
	uris := make([]string, len(all))
	for i, a := range all {
		uris[i] = a.uri
	}
	return uris, nil
}
