package awslocal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// startLimit bounds how long an emulator may take until it listens: a loaded
// machine needs several seconds to import moto.
const startLimit = 90 * time.Second

// process is an emulator that runs beside this process. Its standard input is
// a pipe from here: the scripts end with it, so an emulator never outlives a
// test that is killed.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	done  chan struct{} // closed when the process is gone
	once  sync.Once
	out   tail
}

// spawn starts the command, waits until it prints "listening URL", and returns
// it with that URL.
func spawn(ctx context.Context, name string, cmd *exec.Cmd) (*process, string, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", fmt.Errorf("start %s: %w", name, err)
	}
	p.stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", fmt.Errorf("start %s: %w", name, err)
	}
	cmd.Stderr = &p.out
	if err := cmd.Start(); err != nil {
		return nil, "", fmt.Errorf("start %s: %w", name, err)
	}
	url := make(chan string, 1)
	go func() {
		defer close(p.done)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			if u, ok := strings.CutPrefix(s.Text(), "listening "); ok {
				select {
				case url <- u:
				default: // only the first one is waited for
				}
				continue
			}
			fmt.Fprintln(&p.out, s.Text())
		}
		// How it ended is in the output; that it ended is what done says.
		if err := cmd.Wait(); err != nil {
			fmt.Fprintln(&p.out, err)
		}
	}()
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case u := <-url:
		return p, u, nil
	case <-p.done:
		return nil, "", fmt.Errorf("%s ended before it listened: %s", name, p.out.String())
	case <-limit.C:
		err = fmt.Errorf("%s does not listen after %v: %s", name, startLimit, p.out.String())
	case <-ctx.Done():
		err = fmt.Errorf("start %s: %w", name, ctx.Err())
	}
	return nil, "", errors.Join(err, p.stop())
}

// stop kills the process by its id and waits until it is gone.
func (p *process) stop() (err error) {
	p.once.Do(func() {
		select {
		case <-p.done: // it ended by itself
		default:
			if err = p.cmd.Process.Kill(); errors.Is(err, os.ErrProcessDone) {
				err = nil
			}
		}
		<-p.done
		_ = p.stdin.Close() // the reader of the pipe is gone
	})
	return err
}

// tail keeps the last output of a process for the message of its failure.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// tailBytes is how much output is kept.
const tailBytes = 8 << 10

// Write keeps the end of what was written.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
