package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// PayloadLimit is how many bytes a synchronous invocation may carry each way.
const PayloadLimit = 6 << 20

// InitLimit is how long a bootstrap may take until it asks for its first
// invocation.
const InitLimit = 10 * time.Second

// Config describes a function as CreateFunction does.
type Config struct {
	Name        string
	Bootstrap   string            // the executable
	Env         map[string]string // the function's variables
	MemoryMB    int               // 128 when 0; told to the function, not enforced
	Timeout     time.Duration     // of one invocation; 3 s when 0, as on AWS
	InitLimit   time.Duration     // InitLimit when 0; above AWS's for a machine that is loaded
	Concurrency int               // environments at the same time; 10 when 0
	Log         io.Writer         // what the function prints, and a REPORT line for each invocation; nil drops it

	// Fault says how the n-th invocation (from 0) is disturbed; nil is never.
	Fault func(n int) Fault
}

// Fault is a disturbance of one invocation.
type Fault struct {
	KillAfter      time.Duration // the process is killed so long after it got the invocation; 0 is not
	KillAtResponse bool          // the process is killed when it answers: all is done and nobody hears of it
}

// Function runs invocations of one bootstrap.
type Function struct {
	cfg Config
	log *lineWriter

	mu          sync.Mutex
	idle        []*environment // most recently used last
	live        map[*environment]struct{}
	invocations int
	stats       Stats
	closed      bool
}

// ErrThrottled means that every environment that the function may have is busy:
// nothing was invoked.
var ErrThrottled = errors.New("rate exceeded")

// ErrTooLarge means that a payload is over PayloadLimit: nothing was invoked.
var ErrTooLarge = errors.New("payload is over 6 MB")

// ErrClosed means that the function was closed.
var ErrClosed = errors.New("function is closed")

// New checks the configuration. Nothing runs before the first invocation.
func New(cfg Config) (*Function, error) {
	cfg.MemoryMB = cmp.Or(cfg.MemoryMB, 128)
	cfg.Timeout = cmp.Or(cfg.Timeout, 3*time.Second)
	cfg.InitLimit = cmp.Or(cfg.InitLimit, InitLimit)
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 10)
	if cfg.Name == "" {
		return nil, lake.Errorf(lake.ErrInvalid, "give it a name", "function without a name")
	}
	path, err := filepath.Abs(cfg.Bootstrap)
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", cfg.Name, err)
	}
	cfg.Bootstrap = path
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 || info.IsDir() {
		return nil, lake.Errorf(lake.ErrInvalid, "build it first", "function %s: no executable %s", cfg.Name, path)
	}
	return &Function{cfg: cfg, log: &lineWriter{w: cfg.Log}, live: map[*environment]struct{}{}}, nil
}

// Name returns the function's name.
func (f *Function) Name() string { return f.cfg.Name }

// ARN returns the name that the function is told.
func (f *Function) ARN() string {
	return "arn:aws:lambda:us-east-1:123456789012:function:" + f.cfg.Name
}

// Invoke runs one invocation and returns what the function answered. A
// *FunctionError means that the function failed: what it did before may stand.
// ErrThrottled, ErrTooLarge and ErrClosed mean that it was not invoked. When ctx
// ends, the environment is killed.
func (f *Function) Invoke(ctx context.Context, payload []byte) (Result, error) {
	if len(payload) > PayloadLimit {
		return Result{}, fmt.Errorf("invoke %s with %d bytes: %w", f.cfg.Name, len(payload), ErrTooLarge)
	}
	env, n, err := f.take()
	if err != nil {
		return Result{}, fmt.Errorf("invoke %s: %w", f.cfg.Name, err)
	}
	var fault Fault
	if f.cfg.Fault != nil {
		fault = f.cfg.Fault(n)
	}
	inv := newInvocation(payload, fault)
	res, err := env.run(ctx, inv)
	f.note(res.Report, err)
	if err != nil {
		err = fmt.Errorf("invoke %s: %w", f.cfg.Name, err)
	}
	return res, err
}

// take returns an idle environment or a new one, and the invocation's number.
func (f *Function) take() (*environment, int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, 0, ErrClosed
	}
	n := f.invocations
	for len(f.idle) > 0 {
		env := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if env.alive() {
			f.invocations++
			return env, n, nil
		}
	}
	if len(f.live) >= f.cfg.Concurrency {
		f.stats.Throttled++
		return nil, 0, ErrThrottled
	}
	env, err := startEnvironment(f)
	if err != nil {
		return nil, 0, err
	}
	f.live[env] = struct{}{}
	f.invocations++
	return env, n, nil
}

// rest takes an environment back that has asked for its next invocation.
func (f *Function) rest(env *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.live[env]; ok && !f.closed {
		f.idle = append(f.idle, env)
	}
}

// forget removes an environment whose process is gone.
func (f *Function) forget(env *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.live, env)
}

// Close kills what runs and waits until it is gone.
func (f *Function) Close() error {
	f.mu.Lock()
	f.closed = true
	envs := make([]*environment, 0, len(f.live))
	for env := range f.live {
		envs = append(envs, env)
	}
	f.mu.Unlock()
	var errs []error
	for _, env := range envs {
		errs = append(errs, env.kill())
	}
	return errors.Join(errs...)
}
