// Package fault puts a fault at one chosen call among all calls that stages
// make on their ports. A sweep chooses call 1, 2, ... until none fires.
package fault

import (
	"errors"
	"fmt"
	"sync"
)

// ErrInjected is what a call with a fault returns.
var ErrInjected = errors.New("injected fault")

// ErrDead is what every call returns once the process counts as dead.
var ErrDead = errors.New("process is dead")

// Side says when the fault strikes.
type Side bool

// A fault strikes before the call has any effect, or after all of it: the
// caller cannot tell which.
const (
	Before Side = false
	After  Side = true
)

// Plan is one fault.
type Plan struct {
	Call  int  // 1 is the first call; 0 is no fault
	Side  Side // before or after the effect
	Crash bool // the process dies there; else only the call fails
}

// String names the plan in test output.
func (p Plan) String() string {
	side, mode := "before", "error"
	if p.Side == After {
		side = "after"
	}
	if p.Crash {
		mode = "crash"
	}
	return fmt.Sprintf("%s %s call %d", mode, side, p.Call)
}

// Gate counts the calls of all ports that share it and lets the plan strike.
type Gate struct {
	mu    sync.Mutex
	plan  Plan
	calls int
	fired string
	dead  bool
}

// NewGate returns a gate with the plan.
func NewGate(p Plan) *Gate { return &Gate{plan: p} }

// Calls is the number of calls so far.
func (g *Gate) Calls() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls
}

// Fired names the call that the fault struck, "" when none.
func (g *Gate) Fired() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fired
}

// Dead reports whether the process died at the gate.
func (g *Gate) Dead() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dead
}

// Kill makes every later call fail with ErrDead.
func (g *Gate) Kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = true
}

// Do runs a call of something that is no port, such as a cloud's API, through
// the gate.
func (g *Gate) Do(op string, call func() error) error { return g.do(op, call) }

// do runs one call through the gate.
func (g *Gate) do(op string, call func() error) error {
	strike, err := g.enter(op)
	if err != nil {
		return err
	}
	err = call()
	if strike {
		return fmt.Errorf("%s: after: %w", op, ErrInjected)
	}
	return err
}

// enter reports whether the fault strikes after this call, or the error of one
// that strikes before.
func (g *Gate) enter(op string) (after bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dead {
		return false, fmt.Errorf("%s: %w", op, ErrDead)
	}
	g.calls++
	if g.calls != g.plan.Call {
		return false, nil
	}
	g.fired = op
	g.dead = g.plan.Crash
	if g.plan.Side == Before {
		return false, fmt.Errorf("%s: before: %w", op, ErrInjected)
	}
	return true, nil
}

// Disarm takes the fault away; a dead process stays dead.
func (g *Gate) Disarm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.plan = Plan{}
}
