package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/query"
)

// Config is what a Pool needs. Zero values mean the defaults in brackets.
type Config struct {
	Command func() *exec.Cmd // makes a process that calls Serve; its input and outputs are the pool's
	Setup   any              // for the process's Open, as JSON
	Size    int              // processes at most [1]
	Memory  int64            // bytes that one statement may take [256 MiB]
	Ended   func()           // called after a process has ended, to remove what it left [nothing]
	Idle    time.Duration    // after which a process without work ends, but for one [1 min]
	Logger  *slog.Logger     // [discards]
}

func (c Config) withDefaults() Config {
	if c.Size <= 0 {
		c.Size = 1
	}
	if c.Memory <= 0 {
		c.Memory = 256 << 20
	}
	if c.Ended == nil {
		c.Ended = func() {}
	}
	if c.Idle <= 0 {
		c.Idle = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

var errClosed = fmt.Errorf("sql processes: %w", lake.ErrClosed)

// Pool is a query.Answerer whose statements run in processes. It is safe for
// many goroutines.
type Pool struct {
	cfg   Config
	setup json.RawMessage
	slots chan struct{} // one for each process that may be there and at work
	tidy  *time.Ticker
	ended chan struct{} // closed when the pool is
	wg    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	idle   []*process // the one that waits longest first
	all    map[*process]struct{}
}

// Open starts the first process, so that what is wrong shows now.
func Open(ctx context.Context, cfg Config) (*Pool, error) {
	cfg = cfg.withDefaults()
	setup, err := json.Marshal(cfg.Setup)
	if err != nil {
		return nil, fmt.Errorf("start sql processes: %w", err)
	}
	p := &Pool{cfg: cfg, setup: setup, slots: make(chan struct{}, cfg.Size), tidy: time.NewTicker(cfg.Idle / 4),
		ended: make(chan struct{}), all: map[*process]struct{}{}}
	first, err := p.start(ctx)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.put(first)
	p.wg.Go(p.retire)
	return p, nil
}

// Answer implements query.Answerer. It waits while all processes are at work.
func (p *Pool) Answer(ctx context.Context, q query.Question, w io.Writer) (query.Answered, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return query.Answered{}, fmt.Errorf("wait for a sql process: %w", context.Cause(ctx))
	}
	pr, err := p.take(ctx)
	if err != nil {
		<-p.slots
		return query.Answered{}, err
	}
	e, usable, err := pr.ask(ctx, q, w)
	switch {
	case !usable:
		pr.kill()
		p.replace(pr)
	case pr.grown(e.Used):
		pr.leave()
		p.replace(pr)
	default:
		p.put(pr)
		<-p.slots
	}
	return e.Answered, err
}

// take returns a process that waits, or a new one.
func (p *Pool) take(ctx context.Context) (*process, error) {
	p.mu.Lock()
	for !p.closed && len(p.idle) > 0 {
		pr := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if pr.alive() {
			p.mu.Unlock()
			return pr, nil
		}
	}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	return p.start(ctx)
}

// start makes a process that can be asked.
func (p *Pool) start(ctx context.Context) (*process, error) {
	pr, err := launch(p.cfg.Command(), p.cfg.Logger)
	if err != nil {
		return nil, fmt.Errorf("start a sql process: %w", err)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		pr.kill()
		<-pr.gone
		return nil, errClosed
	}
	p.all[pr] = struct{}{}
	p.wg.Go(func() {
		<-pr.gone
		p.cfg.Ended()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.all, pr)
		p.idle = slices.DeleteFunc(p.idle, func(i *process) bool { return i == pr })
	})
	p.mu.Unlock()
	if err := pr.greet(ctx, hello{Memory: p.cfg.Memory, Setup: p.setup}); err != nil {
		pr.kill()
		return nil, fmt.Errorf("start a sql process: %w", err)
	}
	return pr, nil
}

// put lets a process wait for the next statement.
func (p *Pool) put(pr *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		pr.leave()
		return
	}
	pr.since = time.Now()
	p.idle = append(p.idle, pr)
}

// replace waits until a process has ended, whose place is free then, as its
// memory is, and starts another when none waits: the next statement need not.
func (p *Pool) replace(pr *process) {
	free := func() {
		<-pr.gone
		<-p.slots
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go free()
		return
	}
	p.wg.Go(func() {
		defer free()
		<-pr.gone
		p.mu.Lock()
		enough := p.closed || len(p.idle) > 0
		p.mu.Unlock()
		if enough {
			return
		}
		next, err := p.start(context.Background())
		if err == nil {
			p.put(next)
		} else if !errors.Is(err, lake.ErrClosed) { // the next statement tries again, and tells
			p.cfg.Logger.Warn("a sql process does not start", "err", err)
		}
	})
}

// retire ends processes that have waited long, but for one.
func (p *Pool) retire() {
	for {
		select {
		case <-p.ended:
			return
		case <-p.tidy.C:
		}
		p.mu.Lock()
		for len(p.idle) > 1 && time.Since(p.idle[0].since) > p.cfg.Idle {
			p.idle[0].leave()
			p.idle = p.idle[1:]
		}
		p.mu.Unlock()
	}
}

// Close ends all processes, those at work too: their statements fail. It
// returns when they are gone.
func (p *Pool) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.tidy.Stop()
		close(p.ended)
		for _, pr := range p.idle {
			pr.leave()
		}
		idle := p.idle
		p.idle = nil
		for pr := range p.all {
			if !slices.Contains(idle, pr) {
				pr.kill()
			}
		}
	}
	p.mu.Unlock()
	p.wg.Wait()
	return nil
}
