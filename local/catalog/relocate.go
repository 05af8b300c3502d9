package catalog

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
)

// Relocate writes the place where the data directory lies now into the metadata
// of every table that names another one, so that PyIceberg, Spark and others
// find the files again after the directory was moved or copied. The lake itself
// does not need it. Each such table gets one new snapshot with the same files,
// and its older snapshots are forgotten. It returns the tables it changed; a
// repeat changes none.
func (c *Catalog) Relocate(ctx context.Context) ([]lake.TableName, error) {
	return c.tables.Relocate(ctx)
}

// Located is a table and the place that its metadata names.
type Located = iceberg.Located

// Elsewhere lists the tables whose metadata names another directory than theirs
// in the data directory root, which may be another than the catalog was opened
// in. Tables that cannot be read are left out.
func (c *Catalog) Elsewhere(ctx context.Context, root string) ([]Located, error) {
	here, err := newPlace(root)
	if err != nil {
		return nil, err
	}
	all, err := c.tables.Located(ctx)
	if err != nil {
		return nil, err
	}
	var out []Located
	for _, l := range all {
		if l.Location != here.root().Location(l.Table) && !sameDirectory(l.Location, here, l.Table) {
			out = append(out, l)
		}
	}
	return out, nil
}

// sameDirectory reports whether a location is the table's directory under
// another name, as through a symbolic link.
func sameDirectory(location string, here place, name lake.TableName) bool {
	there, err := os.Stat(filepath.FromSlash(strings.TrimPrefix(location, "file://")))
	if err != nil {
		return false
	}
	own, err := os.Stat(here.path(iceberg.Location(name)))
	return err == nil && os.SameFile(there, own)
}
