package catalog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
)

// Relocate writes the place where the data directory lies now into the metadata
// of every table that names another one, so that PyIceberg, Spark and others
// find the files again after the directory was moved or copied. The lake itself
// does not need it. Each such table gets one new snapshot with the same files,
// and its older snapshots are forgotten. It returns the tables it changed; a
// repeat changes none.
func (c *Catalog) Relocate(ctx context.Context) ([]lake.TableName, error) {
	names, err := c.Tables(ctx)
	if err != nil {
		return nil, err
	}
	var out []lake.TableName
	for _, n := range names {
		moved, err := c.relocate(ctx, n)
		if err != nil {
			return out, fmt.Errorf("relocate table %s: %w", n, err)
		}
		if moved {
			out = append(out, n)
		}
	}
	return out, nil
}

func (c *Catalog) relocate(ctx context.Context, name lake.TableName) (bool, error) {
	defer c.lock(name)()
	st, err := c.current(ctx, name)
	if err != nil || !st.moved {
		return false, err
	}
	_, err = c.commit(ctx, lake.TableCommit{
		Table: name, Base: st.table.Snapshot, Schema: st.table.Schema, Summary: map[string]string{"operation": "relocate"},
	})
	return err == nil, err
}

// Located is a table and the place that its metadata names.
type Located struct {
	Table    lake.TableName
	Location string // URI
}

// Elsewhere lists the tables whose metadata names another directory than theirs
// in the data directory root, which may be another than the catalog was opened
// in. Tables that cannot be read are left out.
func (c *Catalog) Elsewhere(ctx context.Context, root string) ([]Located, error) {
	here, err := newPlace(root)
	if err != nil {
		return nil, err
	}
	names, err := c.Tables(ctx)
	if err != nil {
		return nil, err
	}
	var out []Located
	for _, n := range names {
		st, err := c.current(ctx, n)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue // Check says what is wrong with it
		}
		if at := st.meta.Location(); at != here.uri(here.location(n)) && !sameDirectory(at, here, n) {
			out = append(out, Located{n, at})
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
	own, err := os.Stat(filepath.Join(here.root, filepath.FromSlash(string(here.location(name)))))
	return err == nil && os.SameFile(there, own)
}
