//go:build !linux && !darwin && !freebsd

package disk

import (
	"errors"
	"os"
)

// tryLock is not there on this system: without it two processes could write
// to one data directory, so none may.
func tryLock(*os.File, bool) (bool, error) { return false, errors.ErrUnsupported }

// Free is not known on this system.
func Free(string) (int64, error) { return 0, errors.ErrUnsupported }
