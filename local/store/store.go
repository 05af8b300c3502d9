// Package store keeps immutable objects as files below a directory. An object
// is written under a temporary name, synced, renamed and its directory synced,
// so that a name that exists is a whole object, whatever crashes.
package store

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Store is a lake.Store in a directory. It is safe for concurrent use by one
// process; the data directory's lock keeps others out.
type Store struct {
	fs   disk.FS
	root string
	temp atomic.Uint64 // numbers temporary files, so that writers of one key do not meet
	dirs dirs
	seed maphash.Seed
	// publish serialises the look at the name and the rename, per path; keys that
	// only case tells apart may have one path.
	publish [64]sync.Mutex
}

var _ lake.Store = (*Store)(nil)

// New returns the store below root. The directory is made when the first
// object is.
func New(fsys disk.FS, root string) *Store {
	return &Store{
		fs:   fsys,
		root: filepath.Clean(root),
		dirs: dirs{fs: fsys, durable: map[string]struct{}{}, making: map[string]chan struct{}{}},
		seed: maphash.MakeSeed(),
	}
}

// Create implements lake.Store. It costs two fsyncs, of the file and of its
// directory; calls for different keys share them on most file systems when
// they run at the same time, so a caller with many objects runs some at once.
func (s *Store) Create(ctx context.Context, key lake.Key, write func(io.Writer) error) (lake.Info, error) {
	if err := ctx.Err(); err != nil {
		return lake.Info{}, err
	}
	if err := key.Validate(); err != nil {
		return lake.Info{}, fmt.Errorf("create: %w", err)
	}
	info, err := s.create(key, write)
	if err != nil {
		return lake.Info{}, fmt.Errorf("create %s: %w", key, disk.Full(err))
	}
	return info, nil
}

func (s *Store) create(key lake.Key, write func(io.Writer) error) (info lake.Info, err error) {
	path := s.path(key)
	tmp, f, gone, err := s.createTemp(path)
	if err != nil {
		return info, err
	}
	renamed := false
	defer func() {
		if !renamed {
			err = errors.Join(err, s.remove(tmp))
		}
	}()
	sum, err := fill(f, write)
	if err != nil {
		return info, err
	}
	info = lake.Info{Key: key, Bytes: sum.bytes, CRC: sum.crc}

	lock := &s.publish[maphash.String(s.seed, strings.ToLower(string(key)))%uint64(len(s.publish))]
	lock.Lock()
	defer lock.Unlock()
	switch same, err := s.same(path, info); {
	case err != nil:
		return info, err
	case !same:
		if err := s.fs.Rename(tmp, path); err != nil {
			return info, err
		}
		renamed = true
	}
	// A file that was there already may owe its directory entry to a process
	// that was killed before this line.
	dir := filepath.Dir(path)
	if err := s.fs.SyncDir(dir); err != nil || s.dirs.still(gone) {
		return info, err
	}
	// A Delete may have removed the empty directory, and another Create made it
	// anew, which has not synced the way down to it yet.
	_, err = s.dirs.make(s.root, dir)
	return info, err
}

// createTemp makes the temporary file for path, and the directory it lies in;
// gone is what dirs.make returned. The name ends as no object's does: tools that
// are told **/*.ndjson.gz also look at names that begin with a dot, and half a
// file that a killed process left would end their reading.
func (s *Store) createTemp(path string) (tmp string, f disk.File, gone uint64, err error) {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	tmp = filepath.Join(dir, fmt.Sprintf("%s%d-%s~", disk.TempPrefix, s.temp.Add(1), base))
	const tries = 16 // each lost to a Delete that emptied and removed the directory
	for range tries {
		if gone, err = s.dirs.make(s.root, dir); err == nil {
			if f, err = s.fs.Create(tmp); err == nil {
				return tmp, f, gone, nil
			}
		}
		if !disk.IsNotExist(err) {
			return "", nil, 0, err
		}
		s.dirs.forget(dir)
	}
	return "", nil, 0, err
}

// same reports whether path holds the same bytes already; ErrExists when it
// holds others, false when there is no such file.
func (s *Store) same(path string, want lake.Info) (same bool, err error) {
	f, err := s.fs.Open(path)
	if disk.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	if size != want.Bytes {
		return false, fmt.Errorf("the stored object has %d bytes, the new one %d: %w", size, want.Bytes, lake.ErrExists)
	}
	crc, err := checksum(f)
	if err != nil {
		return false, err
	}
	if crc != want.CRC {
		return false, fmt.Errorf("the stored object has CRC %08x, the new one %08x: %w", crc, want.CRC, lake.ErrExists)
	}
	return true, nil
}

// Open implements lake.Store.
func (s *Store) Open(ctx context.Context, key lake.Key) (lake.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	f, err := s.fs.Open(s.path(key))
	if noObject(err) {
		return nil, fmt.Errorf("open %s: %w", key, lake.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, unnamed(err))
	}
	size, err := f.Size()
	if err == nil {
		var first [1]byte // opening a directory is fine, reading it is not
		if _, err = f.ReadAt(first[:], 0); noObject(err) {
			err = lake.ErrNotFound
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("open %s: %w", key, errors.Join(unnamed(err), f.Close()))
	}
	return &object{f, size}, nil
}

// unnamed takes the path off an error of the file system: the key names the
// object.
func unnamed(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}

// noObject says that there is no file at a path, though there may be a
// directory, or a file where the path has a directory.
func noObject(err error) bool {
	return disk.IsNotExist(err) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR)
}

// Delete implements lake.Store. Directories that it leaves empty go too. After
// a power cut the object may be back.
func (s *Store) Delete(ctx context.Context, key lake.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := key.Validate(); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	path := s.path(key)
	if err := s.remove(path); err != nil {
		return fmt.Errorf("delete %s: %w", key, unnamed(err))
	}
	s.dirs.prune(s.root, filepath.Dir(path))
	return nil
}

// remove removes a file that may be gone already.
func (s *Store) remove(path string) error {
	if err := s.fs.Remove(path); err != nil && !noObject(err) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

func (s *Store) path(key lake.Key) string {
	return filepath.Join(s.root, filepath.FromSlash(string(key)))
}

// object is an open object.
type object struct {
	disk.File
	size int64
}

func (o *object) Size() int64 { return o.size }
