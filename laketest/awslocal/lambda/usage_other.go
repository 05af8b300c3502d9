//go:build !linux

package lambda

import (
	"os"
	"syscall"
	"time"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

// usage is not known here while the process lives.
func usage(int) (rss int64, cpu time.Duration) { return 0, 0 }

func usageAtEnd(s *os.ProcessState) (rss int64, cpu time.Duration) {
	return 0, s.UserTime() + s.SystemTime()
}
