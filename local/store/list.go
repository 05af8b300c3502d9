package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// List implements lake.Store. Files whose names are not keys are not objects.
// An object that comes or goes while listing may or may not be seen.
func (s *Store) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		// The directory part of the prefix must match whole: begin there.
		dir := ""
		if i := strings.LastIndexByte(string(prefix), '/'); i >= 0 {
			dir = string(prefix[:i])
			if lake.Key(dir).Validate() != nil {
				return // no object has such a key
			}
			dir += "/"
		}
		err := s.walk(ctx, dir, string(prefix), func(info lake.Info) bool { return yield(info, nil) })
		if err != nil && !errors.Is(err, errStop) {
			yield(lake.Info{}, fmt.Errorf("list %q: %w", string(prefix), err))
		}
	}
}

// errStop ends a walk that its caller has seen enough of.
var errStop = errors.New("stop")

// walk yields the objects below dir ("" or ending in a slash) in key order.
func (s *Store) walk(ctx context.Context, dir, prefix string, yield func(lake.Info) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := s.fs.ReadDir(filepath.Join(s.root, filepath.FromSlash(dir)))
	if noObject(err) {
		return nil
	}
	if err != nil {
		return err
	}
	// A directory stands where its keys do, so it sorts with its slash.
	for i := range entries {
		if entries[i].Dir {
			entries[i].Name += "/"
		}
	}
	slices.SortFunc(entries, func(a, b disk.Entry) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range entries {
		if !lake.ValidElement(strings.TrimSuffix(e.Name, "/")) {
			continue
		}
		key := dir + e.Name
		switch {
		case e.Dir && (strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key)):
			if err := s.walk(ctx, key, prefix, yield); err != nil {
				return err
			}
		case !e.Dir && strings.HasPrefix(key, prefix):
			if !yield(lake.Info{Key: lake.Key(key), Bytes: e.Size, Time: lake.InstantOf(e.ModTime)}) {
				return errStop
			}
		}
	}
	return nil
}

// CleanTemp removes what writers left unfinished when a process died, below
// the prefix's directory, and reports how many files went. It spares files
// younger than age: with age 0 nothing may be writing.
func (s *Store) CleanTemp(ctx context.Context, prefix lake.Key, age time.Duration) (removed int, err error) {
	dir := strings.TrimSuffix(string(prefix), "/")
	if dir != "" {
		if err := lake.Key(dir).Validate(); err != nil {
			return 0, fmt.Errorf("clean: %w", err)
		}
	}
	removed, err = s.clean(ctx, filepath.Join(s.root, filepath.FromSlash(dir)), time.Now().Add(-age))
	if err != nil {
		return removed, fmt.Errorf("clean %q: %w", dir, err)
	}
	return removed, nil
}

func (s *Store) clean(ctx context.Context, dir string, before time.Time) (removed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	entries, err := s.fs.ReadDir(dir)
	if disk.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name)
		switch {
		case e.Dir:
			n, err := s.clean(ctx, path, before)
			removed += n
			if err != nil {
				return removed, err
			}
		case strings.HasPrefix(e.Name, disk.TempPrefix) && !e.ModTime.After(before):
			if err := s.remove(path); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}
