package e2e

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestASignalBeforeMainIsNotLost interrupts commands while their packages are
// made ready, which takes longer than most signals that come early.
func TestASignalBeforeMainIsNotLost(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, "up", "--data", filepath.Join(t.TempDir(), "data"), "--listen", freeAddr(t))
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1") // a line a package, as it is made ready
		said, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(said)
		for line := ""; !strings.Contains(line, "/cmd/lake/early "); {
			if line, err = lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the exit code says it
		if !strings.Contains(string(rest), "init github.com/apache/iceberg-go/") {
			t.Error("everything was ready already, so nothing was tried")
		}
		if exit := cmd.ProcessState.ExitCode(); exit != 128+int(signal) || !strings.Contains(string(rest), "lake: interrupted") {
			t.Errorf("%v: exit %d", signal, exit)
		}
	}
}
