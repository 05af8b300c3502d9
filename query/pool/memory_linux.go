package pool

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// used is the memory of this process in bytes: what is resident.
func used() int64 { return statm(1) }

// statm is one of the numbers of /proc/self/statm in bytes, 0 when there is no
// /proc.
func statm(field int) int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) <= field {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[field]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// limitKernel lets the kernel refuse this process more writable memory than
// what it has mapped now and the bytes, and take it first when the machine has
// none left.
func limitKernel(more int64) error {
	const data = 5 // "data + stack" of statm, what RLIMIT_DATA counts and the stack
	now := statm(data)
	if now == 0 {
		return nil // without /proc only the watch is left, which then sees nothing either
	}
	limit := uint64(now + more)
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	// A container may forbid it; the limits hold without it.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o644) // see above
	return nil
}
