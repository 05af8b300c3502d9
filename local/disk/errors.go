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
