package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake/admin"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/local/disk"
)

// process is a command that is still at work.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Reader
	err bytes.Buffer
}

func begin(t *testing.T, stdin io.Reader, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	p := &process{t: t, cmd: exec.CommandContext(ctx, path, args...)}
	t.Cleanup(func() {
		cancel()
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Wait() // it was killed above
		}
	})
	p.cmd.Stdin, p.cmd.Stderr = stdin, &p.err
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end returns the exit code and what was said on standard error.
func (p *process) end() (exit int, said string) {
	p.t.Helper()
	if _, err := io.Copy(io.Discard, p.out); err != nil {
		p.t.Error(err)
	}
	_ = p.cmd.Wait() // the exit code says it
	return p.cmd.ProcessState.ExitCode(), p.err.String()
}

// pipe is an input that does not end while the test runs.
func pipe(t *testing.T) (from, to *os.File) {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(from.Close(), to.Close()); err != nil {
			t.Error(err)
		}
	})
	return from, to
}

// stub is a lake that runs, as far as commands can tell: every operation begins
// and goes on until its caller goes away.
type stub struct {
	dir   string
	begun chan string
	ended chan string
	http  *httptest.Server
}

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{dir: t.TempDir(), begun: make(chan string, 1), ended: make(chan string, 1)}
	ops := admin.Ops{}
	for _, name := range []string{assemble.OpStatus, assemble.OpVerify, assemble.OpCompact, assemble.OpQuarantineList,
		assemble.OpQuarantineRetry, assemble.OpReplay, assemble.OpRebuild, assemble.OpTail} {
		ops[name] = func(ctx context.Context, _ json.RawMessage, emit func(any)) (any, error) {
			s.begun <- name
			<-ctx.Done()
			s.ended <- name
			return nil, ctx.Err()
		}
	}
	s.http = httptest.NewServer(admin.Handler(ops, "secret", slog.New(slog.DiscardHandler)))
	t.Cleanup(s.http.Close)
	lock, err := disk.AcquireLock(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lock.Unlock(); err != nil {
			t.Error(err)
		}
	})
	if err := lock.SetInfo(disk.Info{PID: os.Getpid(), Started: time.Now(), Admin: strings.TrimPrefix(s.http.URL, "http://"), Token: "secret"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// verbs are the commands that work through the running lake.
func verbs(dir string) [][]string {
	return [][]string{{"status"}, {"tables"}, {"verify"}, {"compact", "--full"}, {"quarantine", "list"}, {"quarantine", "retry"},
		{"quarantine", "export", "-o", filepath.Join(dir, "export")}, {"rebuild"}, {"replay", "--to", "stream"},
		{"replay", "--to", "-"}, {"replay", "--to", filepath.Join(dir, "file")}, {"replay", "--to", "http://127.0.0.1:1"}, {"tail"}}
}

func TestCtrlCStopsACommandAndItsWorkInTheRunningLake(t *testing.T) {
	s := newStub(t)
	for i, args := range verbs(t.TempDir()) {
		signal := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[i%2]
		p := begin(t, nil, append(args, "--data", s.dir)...)
		op := <-s.begun
		p.signal(signal)
		exit, said := p.end()
		if want := "lake: interrupted; the running lake stops this work too, and a repeat is safe\n"; exit != 128+int(signal) || said != want {
			t.Errorf("%v and %v: exit %d, it says %q", args, signal, exit, said)
		}
		if ended := <-s.ended; ended != op {
			t.Errorf("%s ended, not %s", ended, op)
		}
	}
}

func TestALakeThatGoesAwayIsSaidToBeGone(t *testing.T) {
	for _, args := range verbs(t.TempDir()) {
		s := newStub(t)
		p := begin(t, nil, append(args, "--data", s.dir)...)
		<-s.begun
		s.http.CloseClientConnections()
		<-s.ended
		exit, said := p.end()
		if exit != 1 || !strings.Contains(said, "stopped") || !strings.Contains(said, "hint: start it again") || strings.Contains(said, "Post") {
			t.Errorf("%v: exit %d, it says %q", args, exit, said)
		}
		s.http.Close()
		if _, said, exit := run(t, append(args, "--data", s.dir)...); exit != 1 || !strings.Contains(said, "hint: ") || strings.Contains(said, "Post") {
			t.Errorf("%v of a lake that does not listen: exit %d, it says %q", args, exit, said)
		}
	}
}

func TestCtrlCStopsWorkOnAStoppedLake(t *testing.T) {
	dir := t.TempDir()
	data, events := filepath.Join(dir, "data"), filepath.Join(dir, "events.ndjson")
	must(t, "gen", "--events", "5000", "--malformed", "0", "-o", events)
	s := up(t, data)
	must(t, "send", "--url", s.url(""), events)
	s.settle()
	s.stop()
	must(t, "compact", "--data", data)

	// A replay at this speed takes for ever, a statement like this nearly.
	slow := begin(t, nil, "replay", "--to", "-", "--speed", "0.000001x", "--data", data)
	if _, err := slow.out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	slow.signal(syscall.SIGINT)
	if exit, said := slow.end(); exit != 130 || said != "lake: interrupted; a repeat is safe\n" {
		t.Errorf("replay: exit %d, it says %q", exit, said)
	}
	const endless = "select 1; select count(*) from events a, events b, events c where a.event_id > b.event_id and b.position > c.position;\n"
	script := begin(t, strings.NewReader(endless), "sql", "--data", data)
	for line := ""; !strings.Contains(line, "1 row"); { // the first statement is done
		var err error
		if line, err = script.out.ReadString('\n'); err != nil {
			t.Fatal(err, script.err.String())
		}
	}
	script.signal(syscall.SIGINT)
	if exit, said := script.end(); exit != 130 || said != "lake: interrupted\n" {
		t.Errorf("sql: exit %d, it says %q", exit, said)
	}
	input, typed := pipe(t)
	waits := begin(t, input, "sql", "--format", "csv", "--data", data)
	if _, err := typed.WriteString("select 7;\n"); err != nil {
		t.Fatal(err)
	}
	for line := ""; !strings.Contains(line, "7"); {
		var err error
		if line, err = waits.out.ReadString('\n'); err != nil {
			t.Fatal(err, waits.err.String())
		}
	}
	waits.signal(syscall.SIGINT)
	if exit, said := waits.end(); exit != 130 || said != "lake: interrupted\n" {
		t.Errorf("sql that waits: exit %d, it says %q", exit, said)
	}
	verify(t, data, "after interruptions")
}

func TestCtrlCStopsMakingAndSendingEvents(t *testing.T) {
	taken := make(chan bool, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		taken <- true
		<-r.Context().Done()
	}))
	defer receiver.Close()
	gen := begin(t, nil, "gen", "--events", "1000000000")
	if _, err := gen.out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	gen.signal(syscall.SIGINT)
	if exit, said := gen.end(); exit != 130 || said != "lake: interrupted\n" {
		t.Errorf("gen: exit %d, it says %q", exit, said)
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	must(t, "gen", "--events", "10", "-o", file)
	input, typed := pipe(t)
	if _, err := typed.WriteString("{}\n"); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{file, "-"} { // the second one also waits for more to be typed
		send := begin(t, input, "send", "--url", receiver.URL, from)
		<-taken
		send.signal(syscall.SIGINT)
		if exit, said := send.end(); exit != 130 || said != "lake: interrupted; sending again is safe\n" {
			t.Errorf("send %s: exit %d, it says %q", from, exit, said)
		}
	}
}

// TestASecondCtrlCEndsAtOnce interrupts a lake that waits for the end of a
// request.
func TestASecondCtrlCEndsAtOnce(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "lake.yaml")
	write(t, config, "limits: {drain: 5m}\n")
	s := up(t, filepath.Join(dir, "data"), "--config", config)
	request, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer request.Close()
	_, err = io.WriteString(request, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(request).ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") { // now it waits for the body
		t.Fatal(line, err)
	}
	for range 3 { // told by the terminal, and by what passes it on
		if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	s.await("stopping", func() bool { // it takes no connections any more
		resp, err := http.Get(s.url("/readyz"))
		if err == nil {
			_ = resp.Body.Close() // only whether there is one
		}
		return err != nil
	})
	select {
	case err := <-ended:
		t.Fatalf("one Ctrl-C, told several times, ended it: %v\n%s", err, s.log)
	case <-time.After(300 * time.Millisecond): // longer than one keystroke takes to be told
	}
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("it ended in order")
	}
	if exit := s.cmd.ProcessState.ExitCode(); exit != 130 || !strings.Contains(s.log.String(), "ended at once") {
		t.Errorf("exit %d\n%s", exit, s.log)
	}
	s.cmd = nil
}
