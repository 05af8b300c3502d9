// Package e2e tries the real binary from the outside, as its users do.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake/laketest/built"
)

// binary returns the path of the lake binary, which is made once for this test
// run.
var binary = sync.OnceValues(built.Lake)

// run runs one command to its end and returns what it printed.
func run(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	return runIn(t, "", nil, args...)
}

func runIn(t *testing.T, dir string, stdin []byte, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(stdin), &out, &errs
	err = cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatalf("lake %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs a command that has to succeed and returns its standard output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, exit := run(t, args...)
	if exit != 0 {
		t.Fatalf("lake %s: exit %d\n%s%s", strings.Join(args, " "), exit, out, errs)
	}
	return out
}

// server is a running `lake up`.
type server struct {
	t    *testing.T
	data string
	addr string
	cmd  *exec.Cmd
	log  *bytes.Buffer
	args []string
}

// up starts a lake on a free loopback port and waits until it is ready. It is
// killed when the test ends.
func up(t *testing.T, data string, args ...string) *server {
	t.Helper()
	s := &server{t: t, data: data, addr: freeAddr(t), args: args}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
	})
	s.start()
	return s
}

// freeAddr returns an address on which nothing listens. On Linux it is kept for
// the test: bound to a socket that never listens, it is given to nobody who asks
// for any port, and whoever names it may listen on it.
func freeAddr(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	t.Cleanup(func() {
		if err := syscall.Close(fd); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
}

func (s *server) url(path string) string { return "http://" + s.addr + path }

func (s *server) start() {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command(path, append([]string{"up", "--data", s.data, "--listen", s.addr}, s.args...)...)
	s.cmd.Stderr = s.log
	s.cmd.Stdout = s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.await("ready", func() bool {
		resp, err := http.Get(s.url("/readyz"))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// await polls for a condition of another process, at most a minute.
func (s *server) await(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
		if s.cmd != nil && s.cmd.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
	}
	s.t.Fatalf("the lake is not %s\n%s", what, s.log)
}

// kill ends the process as a power-less kill does: it gets no chance to react.
// The processes that it runs SQL in notice and end; until then they may take
// files of the catalog away.
func (s *server) kill() {
	s.t.Helper()
	sql := sqlProcesses(s.t, s.cmd.Process.Pid)
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	_ = s.cmd.Wait() // it was killed: its error says only that
	s.cmd = nil
	for _, pid := range sql {
		awaitGone(s.t, pid)
	}
}

// stop asks the lake to end and waits for it.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("lake up ended with %v\n%s", err, s.log)
	}
	s.cmd = nil
}

// status is what the tests read of `lake status --json`.
type status struct {
	Lag     int64 `json:"lag"`
	ToTable int64 `json:"to_table"`
	Books   struct {
		Unique      int64 `json:"unique"`
		Duplicate   int64 `json:"duplicate"`
		Quarantined int64 `json:"quarantined"`
	} `json:"books"`
}

func (s *server) status() status {
	s.t.Helper()
	var st status
	if err := json.Unmarshal([]byte(must(s.t, "status", "--data", s.data, "--json")), &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// settle waits until everything that was sent is in the tables.
func (s *server) settle() status {
	s.t.Helper()
	var st status
	s.await("settled", func() bool {
		st = s.status()
		return st.Lag == 0 && st.ToTable == 0
	})
	return st
}
