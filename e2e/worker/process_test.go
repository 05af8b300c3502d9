package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
)

// process is a running `lake worker`.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  logs
	done chan struct{} // closed when it is gone
}

// start runs a worker with these variables and no others. It is killed when the
// test ends.
func start(t *testing.T, name string, env map[string]string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: name, cmd: exec.Command(path, "worker"), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = t.TempDir(), variables(env), &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // how it ended is in its state
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said last:\n%s", name, p.log.tail(60))
		}
	})
	return p
}

func variables(env map[string]string) (list []string) {
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	return list
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("%s %s: %v", s, p.name, err)
	}
}

// kill ends the process without a chance to react.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// endsIn bounds how long a worker may take to end when it is asked to.
const endsIn = 10 * time.Second

// end asks the process to end, and demands that it does so soon and well.
func (p *process) end() {
	p.t.Helper()
	begun := time.Now()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(endsIn):
		p.t.Fatalf("%s has not ended %s after SIGTERM", p.name, endsIn)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("%s ended with exit code %d", p.name, code)
	}
	p.t.Logf("%s ended %s after SIGTERM", p.name, time.Since(begun).Round(time.Millisecond))
}

// owns reports whether a lease's owner is this process, by the name that
// workers give themselves.
func (p *process) owns(owner string) bool {
	return strings.Contains(owner, fmt.Sprintf("/%d/", p.cmd.Process.Pid))
}

// working are the shards on which the process has begun to work and not ended.
func (p *process) working() map[lake.ShardID]bool {
	shards := map[lake.ShardID]bool{}
	for _, l := range p.log.entries() {
		switch l.Message {
		case "work on a shard begins":
			shards[l.Shard] = true
		case "work on a shard ends":
			delete(shards, l.Shard)
		}
	}
	return shards
}

// entry is a line of a worker's log.
type entry struct {
	Time    time.Time    `json:"time"`
	Message string       `json:"msg"`
	Shard   lake.ShardID `json:"shard"`
	Error   string       `json:"error"`
	Hint    string       `json:"hint"`
}

// logs keeps what a process writes.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// tail is the last lines.
func (l *logs) tail(n int) string {
	lines := strings.Split(strings.TrimSpace(l.text()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// entries are the whole lines so far.
func (l *logs) entries() (all []entry) {
	for line := range strings.Lines(l.text()) {
		var e entry
		if json.Unmarshal([]byte(line), &e) == nil {
			all = append(all, e)
		}
	}
	return all
}

// says reports whether a message was logged whose error holds the text.
func (l *logs) says(message, text string) bool {
	for _, e := range l.entries() {
		if e.Message == message && strings.Contains(e.Error, text) {
			return true
		}
	}
	return false
}

// hints reports whether a line has a hint that holds the text.
func (l *logs) hints(text string) bool {
	return slices.ContainsFunc(l.entries(), func(e entry) bool { return strings.Contains(e.Hint, text) })
}
