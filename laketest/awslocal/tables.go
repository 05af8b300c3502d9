package awslocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/eventlake/lake"
)

// CopyTables copies the files of all tables' current snapshots below a
// directory, for an engine that reads files, and returns the tables.
func CopyTables(ctx context.Context, catalog lake.Catalog, store lake.Store, dir string) (tables []lake.Table, err error) {
	names, err := catalog.Tables(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t, err := catalog.Table(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, f := range t.Files {
			if err := fetch(ctx, store, f.Key, filepath.Join(dir, string(f.Key))); err != nil {
				return nil, fmt.Errorf("fetch %s: %w", f.Key, err)
			}
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// fetch copies an object into a file.
func fetch(ctx context.Context, store lake.Store, key lake.Key, path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	from, err := store.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
