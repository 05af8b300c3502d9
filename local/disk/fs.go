// Package disk is the seam between the embedded adapters and the file system:
// everything that must survive a crash goes through FS, so that a test can
// take away exactly what was not synced.
package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// FS is the file system as the storage code sees it. Paths are OS paths. After
// a crash only this remains: the content of a file up to its last Sync (a later
// write may be there in part, or torn), and the directory entries (made by
// Create, Rename, Remove, Mkdir) up to the last SyncDir of their directory.
type FS interface {
	// Open opens a file for reading; an error that is fs.ErrNotExist when absent.
	Open(path string) (File, error)
	// Create makes an empty file for writing, truncating an old one.
	Create(path string) (File, error)
	// Append opens an existing file for reading and for writing at its end.
	Append(path string) (File, error)
	// Rename replaces newPath atomically.
	Rename(oldPath, newPath string) error
	// Remove removes a file or an empty directory.
	Remove(path string) error
	// Mkdir makes the directory and its parents, and syncs the parents whose
	// entries it made. An existing directory is fine.
	Mkdir(path string) error
	// ReadDir lists a directory sorted by name.
	ReadDir(path string) ([]Entry, error)
	// SyncDir makes the entries of the directory durable.
	SyncDir(path string) error
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	// Sync makes the content durable. After an error nothing may be assumed
	// about the content, and the same Sync must not be tried again.
	Sync() error
	// Truncate cuts the file to size bytes.
	Truncate(size int64) error
	// Size is the file's length in bytes.
	Size() (int64, error)
}

// Entry is one name in a directory.
type Entry struct {
	Name    string
	Dir     bool
	Size    int64
	ModTime time.Time
}

// OS is the operating system's file system.
type OS struct{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Open implements FS.
func (OS) Open(path string) (File, error) { return wrap(os.Open(path)) }

// Create implements FS.
func (OS) Create(path string) (File, error) {
	return wrap(os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644))
}

// Append implements FS.
func (OS) Append(path string) (File, error) { return wrap(os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)) }

// Rename implements FS.
func (OS) Rename(oldPath, newPath string) error { return os.Rename(oldPath, newPath) }

// Remove implements FS.
func (OS) Remove(path string) error { return os.Remove(path) }

// Mkdir implements FS.
func (o OS) Mkdir(path string) error {
	path = filepath.Clean(path)
	if st, err := os.Stat(path); err == nil {
		if st.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: path, Err: errors.New("is a file")}
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := o.Mkdir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return o.SyncDir(parent)
}

// ReadDir implements FS.
func (OS) ReadDir(path string) ([]Entry, error) {
	des, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, 0, len(des))
	for _, de := range des {
		info, err := de.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed while listing
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Entry{de.Name(), de.IsDir(), info.Size(), info.ModTime()})
	}
	return out, nil
}

// SyncDir implements FS.
func (OS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
