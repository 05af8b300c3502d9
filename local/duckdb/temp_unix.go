//go:build unix

package duckdb

import (
	"errors"
	"syscall"
)

// gone reports whether no process has this id.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
