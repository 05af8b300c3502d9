package lambda

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dieWithParent lets the system kill the process when this one is killed: a
// frozen process would not notice that its API is gone.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// usage returns the most memory a living process has had and the processor time
// it has used; zeros when the process is gone.
func usage(pid int) (rss int64, cpu time.Duration) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(rest)), "kB")), 10, 64)
			if err == nil {
				rss = kb << 10
			}
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return rss, 0
	}
	// The name in parentheses may hold blanks; utime and stime are the 14th
	// and 15th field, in ticks of 10 ms.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	for _, i := range []int{11, 12} {
		if ticks, err := strconv.ParseInt(string(fields[i]), 10, 64); err == nil {
			cpu += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return rss, cpu
}

// usageAtEnd is usage for a process that has ended.
func usageAtEnd(s *os.ProcessState) (rss int64, cpu time.Duration) {
	if r, ok := s.SysUsage().(*syscall.Rusage); ok {
		rss = r.Maxrss << 10
	}
	return rss, s.UserTime() + s.SystemTime()
}
