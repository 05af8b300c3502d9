//go:build !linux

package pool

import (
	"runtime"
	"syscall"
)

// used is the most memory that this process had so far, in bytes: a process
// that has had more than it may is not to go on either.
func used() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) << 10
}

// limitKernel does nothing: other kernels do not heed such limits.
func limitKernel(int64) error { return nil }
