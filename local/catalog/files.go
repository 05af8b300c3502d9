package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
	"github.com/eventlake/lake/local/disk"
)

// files is the data directory as iceberg.Files, with the checksums that the
// SQLite file has of metadata.
type files struct {
	fs    disk.FS
	place place
	rows  *rows
}

var _ iceberg.Files = (*files)(nil)

// Write implements iceberg.Files: each file is synced, then their directory.
func (f *files) Write(_ context.Context, all []iceberg.File) error {
	if len(all) == 0 {
		return nil
	}
	dir := filepath.Dir(f.place.path(all[0].Key))
	if err := f.fs.Mkdir(dir); err != nil {
		return disk.Full(err)
	}
	for _, one := range all {
		if err := f.write(f.place.path(one.Key), one.Data); err != nil {
			return fmt.Errorf("write %s: %w", one.Key, disk.Full(err))
		}
	}
	if err := f.fs.SyncDir(dir); err != nil {
		return fmt.Errorf("sync %s: %w", dir, disk.Full(err))
	}
	return nil
}

// write writes in place: nothing names the file yet, so a torn one is only an
// orphan.
func (f *files) write(path string, data []byte) error {
	h, err := f.fs.Create(path)
	if err != nil {
		return err
	}
	if _, err := h.Write(data); err != nil {
		return errors.Join(err, h.Close())
	}
	if err := h.Sync(); err != nil {
		return errors.Join(err, h.Close())
	}
	return h.Close()
}

// Read implements iceberg.Files.
func (f *files) Read(ctx context.Context, name lake.TableName, k lake.Key) (data []byte, checked bool, err error) {
	if data, err = disk.ReadWhole(f.fs, f.place.path(k)); err != nil {
		return nil, false, missing(err)
	}
	s, known, err := f.rows.sumOf(ctx, name, inTable(name, k))
	if err != nil {
		return nil, false, fmt.Errorf("checksum of %s: %w", k, err)
	}
	if why := s.differs(data); known && why != "" {
		return nil, true, lake.Errorf(lake.ErrCorrupt, hintMend, "%s %s", k, why)
	}
	return data, known, nil
}

// Size implements iceberg.Files.
func (f *files) Size(_ context.Context, k lake.Key) (n int64, err error) {
	h, err := f.fs.Open(f.place.path(k))
	if err != nil {
		return 0, missing(err)
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	return h.Size()
}

// List implements iceberg.Files.
func (f *files) List(_ context.Context, dir lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) { f.walk(dir, yield) }
}

// walk yields the files below dir, which ends in a slash, until yield is false.
func (f *files) walk(dir lake.Key, yield func(lake.Info, error) bool) bool {
	entries, err := f.fs.ReadDir(filepath.Clean(f.place.path(dir)))
	if disk.IsNotExist(err) {
		return true
	}
	if err != nil {
		return yield(lake.Info{}, err)
	}
	for _, e := range entries {
		k := dir + lake.Key(e.Name)
		if e.Dir {
			if !f.walk(k+"/", yield) {
				return false
			}
			continue
		}
		if !yield(lake.Info{Key: k, Bytes: e.Size, Time: lake.InstantOf(e.ModTime)}, nil) {
			return false
		}
	}
	return true
}

// Remove implements iceberg.Files.
func (f *files) Remove(_ context.Context, k lake.Key) error {
	return missing(f.fs.Remove(f.place.path(k)))
}

// missing makes a file that is not there a lake.ErrNotFound.
func missing(err error) error {
	if disk.IsNotExist(err) {
		return fmt.Errorf("%w: %w", lake.ErrNotFound, err)
	}
	return err
}
