package disk

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// MkdirDurable makes a directory and its parents, and makes their entries
// durable even when they exist already: a process that made them may have been
// killed before it synced their parents. It costs an fsync a level, so it is for
// the start of a program. Parents that may not be opened were made by others and
// are left alone.
func MkdirDurable(fsys FS, path string) error {
	if err := fsys.Mkdir(path); err != nil {
		return err
	}
	for at := filepath.Clean(path); ; {
		parent := filepath.Dir(at)
		if err := fsys.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		if parent == at || parent == "." {
			return nil
		}
		at = parent
	}
}
