//go:build unix

package keys

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/eventlake/lake/local/disk"
)

// lock keeps other processes from changing the keys at the same time, until
// unlock. It waits for them: a change takes milliseconds. A file system that
// is not the operating system's has one process only.
func lock(fsys disk.FS, path string) (unlock func() error, err error) {
	if _, ok := fsys.(disk.OS); !ok {
		return func() error { return nil }, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock keys: %w", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock keys: %w", err), f.Close())
	}
	return f.Close, nil // closing gives up the lock
}
