package disk

import (
	"errors"
	"io"
	"path/filepath"
)

// TempPrefix begins the names of files that are not whole yet. Whoever opens
// a directory may remove them.
const TempPrefix = ".tmp-"

// WriteWhole writes a file whole or not at all: temporary name, write, fsync,
// rename, fsync of the directory. When it returns nil the file is durable; the
// directory must exist.
func WriteWhole(fsys FS, path string, write func(io.Writer) error) (err error) {
	dir, base := filepath.Split(path)
	tmp := filepath.Join(dir, TempPrefix+base)
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(fsys.Remove(tmp)))
		}
	}()
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, path); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Clean(dir))
}

func ignoreMissing(err error) error {
	if IsNotExist(err) {
		return nil
	}
	return err
}

// ReadWhole reads a small file.
func ReadWhole(fsys FS, path string) (data []byte, err error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(f)
}
