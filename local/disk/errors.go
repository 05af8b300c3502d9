package disk

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/eventlake/lake"
)

// IsNotExist reports whether err says that the file does not exist.
func IsNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Full maps "no space" and "quota" errors onto lake.ErrFull with a hint, and
// returns other errors as they are.
func Full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return lake.Errorf(lake.ErrFull, "free some space on the data directory's disk; the lake goes on by itself", "%s", err)
	}
	return err
}

// readOnly adds what to do to the error of a file system that is mounted so that
// nobody can write, and returns other errors as they are.
func readOnly(err error) error {
	if errors.Is(err, syscall.EROFS) {
		return &lake.Hinted{Kind: err, What: "a lake cannot be opened where nothing can be written",
			Hint: "mount the data directory's file system for writing (mount -o remount,rw), or copy the lake and name the copy with --data; Parquet and raw files can be read as they are"}
	}
	return err
}
