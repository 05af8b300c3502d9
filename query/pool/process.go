package pool

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/query"
)

const (
	// startTime is how long a process may take until it can be asked.
	startTime = 30 * time.Second
	// grace is how long a statement may work on when it need not be answered:
	// an engine that heeds that stays warm, one that does not is killed.
	grace = 400 * time.Millisecond
	// slack is what a process may have grown by to be asked again.
	slack = 96 << 20
)

// process is one process as the pool sees it. One goroutine at a time asks it.
type process struct {
	cmd    *exec.Cmd
	in     *frames
	close  func() error // of its input
	out    *bufio.Reader
	notes  *notes
	log    *slog.Logger
	gone   chan struct{} // closed when it has ended
	killed chan struct{} // holds one when this side killed it
	since  time.Time     // that it waits; guarded by the pool
	number int64
	buf    []byte
	used   int64 // bytes after its first statement
	limit  int64 // bytes for a statement
}

// launch starts the process.
func launch(cmd *exec.Cmd, log *slog.Logger) (*process, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait would close it before everything is read.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	pr := &process{cmd: cmd, in: &frames{w: in}, close: in.Close, out: bufio.NewReaderSize(read, 64<<10), notes: &notes{log: log},
		log: log, gone: make(chan struct{}), killed: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = write, pr.notes
	cmd.WaitDelay = time.Second // should something else hold its standard error
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, in.Close(), read.Close(), write.Close())
	}
	closed := write.Close() // the process has its own
	go func() {
		defer close(pr.gone)
		err := cmd.Wait()
		var exit *exec.ExitError
		if err := errors.Join(closed, in.Close()); err != nil && !errors.Is(err, os.ErrClosed) {
			log.Warn("close a sql process", "err", err)
		}
		if err != nil && !errors.As(err, &exit) {
			log.Warn("wait for a sql process", "err", err)
		}
	}()
	return pr, nil
}

// greet says what to serve and waits until the process can be asked.
func (p *process) greet(ctx context.Context, h hello) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	defer context.AfterFunc(ctx, p.kill)()
	p.limit = h.Memory
	if err := p.in.sendJSON(frameHello, h); err != nil {
		return p.died(ctx, err)
	}
	k, payload, err := receive(p.out, nil)
	if err != nil {
		return p.died(ctx, err)
	}
	var f *failed
	if err := json.Unmarshal(payload, &f); err != nil || k != frameReady {
		return errors.Join(fmt.Errorf("frame %q", k), err)
	}
	return f.unpack()
}

// ask has one question answered. A process that is not usable must not be
// asked again, and ended if it has not.
func (p *process) ask(ctx context.Context, q query.Question, w io.Writer) (e ending, usable bool, err error) {
	p.number++
	if err := p.in.sendJSON(frameQuestion, question{p.number, q}); err != nil {
		return e, false, p.died(ctx, err)
	}
	// The context of the work ends with the caller's and when an answer cannot
	// be written.
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var kill *time.Timer
	cancelled := make(chan struct{})
	running := context.AfterFunc(work, func() {
		defer close(cancelled)
		kill = time.AfterFunc(grace, p.kill)
		_ = p.in.sendJSON(frameCancel, p.number) // when it cannot be told it has ended, or is killed
	})
	e, err = p.answer(work, stop, w)
	if err != nil {
		return e, false, err
	}
	usable = true
	if !running() { // it was cancelled: nothing may hit the next question
		<-cancelled
		usable = kill.Stop()
	}
	if work.Err() != nil {
		return ending{Used: e.Used}, usable, context.Cause(work)
	}
	return e, usable, e.Error.unpack()
}

// answer passes the pieces on until the ending.
func (p *process) answer(ctx context.Context, stop context.CancelCauseFunc, w io.Writer) (e ending, err error) {
	for {
		k, payload, err := receive(p.out, p.buf)
		if err != nil {
			return e, p.died(ctx, err)
		}
		p.buf = payload[:0]
		switch k {
		case frameData:
			if ctx.Err() != nil {
				continue // what was on the way
			}
			if _, err := w.Write(payload); err != nil {
				stop(fmt.Errorf("write the answer: %w", err))
			}
		case frameEnd:
			if err := json.Unmarshal(payload, &e); err != nil {
				return e, fmt.Errorf("a sql process says what is not understood: %w", err)
			}
			return e, nil
		default:
			return e, fmt.Errorf("a sql process says what is not understood: frame %q", k)
		}
	}
}

// grown reports whether the process keeps too much memory to wait with it.
func (p *process) grown(used int64) bool {
	if p.used == 0 {
		p.used = used
	}
	return used > p.used+slack
}

func (p *process) alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// leave lets the process end by itself; one that does not is killed.
func (p *process) leave() {
	_ = p.close() // it is closed already when the process has ended
	t := time.AfterFunc(2*patience, p.kill)
	go func() {
		<-p.gone
		t.Stop()
	}()
}

// kill ends the process at once.
func (p *process) kill() {
	select {
	case p.killed <- struct{}{}:
	default:
	}
	_ = p.cmd.Process.Kill() // it fails when the process has ended
}

const memoryHint = "ask for less: a shorter time range, fewer columns, smaller values, or an aggregate; or give SQL more memory, see query.memory"

// died says why the process cannot be talked to any more.
func (p *process) died(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-p.gone:
	case <-time.After(patience): // it closed its output, and lives
		return fmt.Errorf("talk to a sql process: %w", err)
	}
	select {
	case <-p.killed:
		return errClosed // only Close does that to one whose context has not ended
	default:
	}
	state, tail := p.cmd.ProcessState, p.notes.tail()
	if outOfMemory(state, tail) {
		p.log.Warn("a statement took too much memory: its process has ended", "state", state.String(), "bytes", p.limit)
		return lake.Errorf(lake.ErrLimit, memoryHint, "the statement was stopped: it took more memory than the %d MiB that it may", p.limit>>20)
	}
	p.log.Error("a sql process crashed", "state", state.String(), "said", tail)
	return fmt.Errorf("the sql process that ran the statement crashed: %s", state)
}
