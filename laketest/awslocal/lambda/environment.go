package lambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// environment is one process of the bootstrap with a runtime API of its own.
type environment struct {
	fn      *Function
	server  *http.Server
	started time.Time
	cmd     *exec.Cmd

	work  chan *invocation // to the call of next that waits
	ready chan struct{}    // closed at the first call of next
	gone  chan struct{}    // closed when the process is gone
	first sync.Once

	mu      sync.Mutex
	current *invocation
	init    time.Duration
	initErr *FunctionError
	cpu     time.Duration // at the end of the last invocation
	served  bool          // it has run an invocation
}

// startEnvironment starts the process; it does not wait until it is ready.
func startEnvironment(f *Function) (*environment, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("runtime API: %w", err)
	}
	e := &environment{fn: f, work: make(chan *invocation), ready: make(chan struct{}), gone: make(chan struct{}), started: time.Now()}
	e.server = &http.Server{Handler: e.api(), ReadHeaderTimeout: f.cfg.Timeout + time.Minute}
	e.cmd = exec.Command(f.cfg.Bootstrap)
	e.cmd.Dir = filepath.Dir(f.cfg.Bootstrap)
	e.cmd.Env = environ(f, l.Addr().String())
	e.cmd.Stdout, e.cmd.Stderr = f.log, f.log
	e.cmd.SysProcAttr = dieWithParent()
	begun := make(chan error, 1)
	go e.live(begun)
	if err := <-begun; err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", f.cfg.Bootstrap, err), l.Close())
	}
	go func() {
		if err := e.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			f.log.line("runtime API: " + err.Error())
		}
	}()
	return e, nil
}

// live starts the process and waits for its end, both on one thread: the
// system ends the process with the thread that started it.
func (e *environment) live(begun chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := e.cmd.Start()
	begun <- err
	if err != nil {
		return
	}
	_ = e.cmd.Wait() // how it ended is in ProcessState
	e.fn.forget(e)
	close(e.gone)
	_ = e.server.Close() // its one client is gone
}

// environ is all that a function finds in its environment.
func environ(f *Function, api string) []string {
	vars := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          api,
		"AWS_LAMBDA_FUNCTION_NAME":        f.cfg.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.cfg.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.cfg.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      "local/[$LATEST]" + f.cfg.Name,
		"AWS_EXECUTION_ENV":               "AWS_Lambda_provided.al2023",
		"AWS_REGION":                      "us-east-1",
		"AWS_DEFAULT_REGION":              "us-east-1",
		"AWS_ACCESS_KEY_ID":               "test",
		"AWS_SECRET_ACCESS_KEY":           "test",
		"AWS_SESSION_TOKEN":               "test",
		"LAMBDA_TASK_ROOT":                filepath.Dir(f.cfg.Bootstrap),
		"LAMBDA_RUNTIME_DIR":              filepath.Dir(f.cfg.Bootstrap),
		"_HANDLER":                        "bootstrap",
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"PATH":                            os.Getenv("PATH"),
	}
	maps.Copy(vars, f.cfg.Env)
	var list []string
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		list = append(list, k+"="+vars[k])
	}
	return list
}

// run hands one invocation over and waits for its end.
func (e *environment) run(ctx context.Context, inv *invocation) (Result, error) {
	e.mu.Lock()
	cold := !e.served
	e.served = true
	e.mu.Unlock()
	rep := Report{RequestID: inv.id, Cold: cold}
	var payload []byte
	err := e.awake(ctx, cold)
	if err == nil {
		e.signal(syscall.SIGCONT) // it may be frozen
		begin := time.Now()
		payload, err = e.serve(ctx, inv)
		rep.Duration = time.Since(begin)
	}
	e.measure(&rep)
	return Result{Payload: payload, Report: rep}, err
}

// awake waits until a new process asks for its first invocation.
func (e *environment) awake(ctx context.Context, cold bool) error {
	if !cold {
		return nil
	}
	limit := time.NewTimer(e.fn.cfg.InitLimit)
	defer limit.Stop()
	select {
	case <-e.ready:
		return nil
	case <-e.gone:
		return e.exitError()
	case <-limit.C:
		err := &FunctionError{Type: "Sandbox.Timedout", Message: fmt.Sprintf("Task timed out after %.2f seconds in its initialisation", e.fn.cfg.InitLimit.Seconds())}
		return errors.Join(err, e.kill())
	case <-ctx.Done():
		return errors.Join(ctx.Err(), e.kill())
	}
}

// serve passes the invocation to the process and waits for the answer.
func (e *environment) serve(ctx context.Context, inv *invocation) ([]byte, error) {
	inv.deadline = time.Now().Add(e.fn.cfg.Timeout)
	limit := time.NewTimer(e.fn.cfg.Timeout)
	defer limit.Stop()
	select {
	case e.work <- inv:
	case <-e.gone:
		return nil, e.exitError()
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), e.kill())
	}
	var kill <-chan time.Time
	if inv.fault.KillAfter > 0 {
		t := time.NewTimer(inv.fault.KillAfter)
		defer t.Stop()
		kill = t.C
	}
	for {
		select {
		case a := <-inv.answer:
			// The invocation lasts until the process asks for the next one.
			select {
			case <-inv.done:
			case <-e.gone:
			case <-limit.C:
				a.err = errors.Join(a.err, e.kill())
			}
			return a.payload, a.err
		case <-e.gone:
			select {
			case a := <-inv.answer: // it answered and then ended
				return a.payload, a.err
			default:
				return nil, e.exitError()
			}
		case <-kill:
			if err := e.kill(); err != nil {
				return nil, err
			}
		case <-limit.C:
			err := &FunctionError{Type: "Sandbox.Timedout", Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, e.fn.cfg.Timeout.Seconds())}
			return nil, errors.Join(err, e.kill())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), e.kill())
		}
	}
}

// exitError says how a process ended that owed an answer.
func (e *environment) exitError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initErr != nil {
		return e.initErr
	}
	how := "exit status 0"
	if s := e.cmd.ProcessState; s != nil {
		how = s.String()
	}
	return &FunctionError{Type: "Runtime.ExitError", Message: "Runtime exited with error: " + how}
}

// alive reports whether the process still runs.
func (e *environment) alive() bool {
	select {
	case <-e.gone:
		return false
	default:
		return true
	}
}

// signal sends s to the process; one that has ended needs none.
func (e *environment) signal(s syscall.Signal) {
	if err := e.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		e.fn.log.line(fmt.Sprintf("signal %v to process %d: %v", s, e.cmd.Process.Pid, err))
	}
}

// kill ends the process by its id and waits until it is gone.
func (e *environment) kill() error {
	if err := e.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", e.cmd.Process.Pid, err)
	}
	<-e.gone
	return nil
}

// measure fills in what the process has used.
func (e *environment) measure(r *Report) {
	rss, cpu := usage(e.cmd.Process.Pid)
	if !e.alive() {
		rss, cpu = usageAtEnd(e.cmd.ProcessState)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Cold {
		r.Init = e.init
	}
	r.MaxRSS, r.CPU = rss, max(0, cpu-e.cpu)
	e.cpu = cpu
}
