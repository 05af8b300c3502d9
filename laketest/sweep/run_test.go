package sweep

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/fault"
)

// plan is one run with one fault, at a port call or at an operation of the
// file system.
type plan struct {
	seed   uint64
	shards int
	port   fault.Plan
	disk   crashfs.Fault
	kill   bool // what ends is the process, not the machine: nothing written is lost
	cut    bool // the power goes once more at the end, when everything is done
}

func (p plan) String() string {
	at := fmt.Sprintf("port %v", p.port)
	if p.disk.N > 0 {
		at = fmt.Sprintf("disk %+v", p.disk)
	}
	return fmt.Sprintf("seed %d, %d shards, %s, kill %v, cut %v", p.seed, p.shards, at, p.kill, p.cut)
}

// crashes says that the fault ends the process there and then; after any other
// it gives up in good order, if at all.
func (p plan) crashes() bool { return p.port.Crash || p.disk.Halt }

// outcome is what a run showed about itself.
type outcome struct {
	fired    bool
	calls    int      // port calls of the first life
	ops      int      // file system operations of the first life
	lives    int      // processes
	unclosed []string // files that a life left open
}

// run plays the script with one fault and checks the promise. Only the first
// life has the fault, so the second must come to the end.
func (s *script) run(ctx context.Context, p plan, m mutant) (out outcome, err error) {
	w := newWorld(p.seed, p.shards, s.bodies, m)
	gate := fault.NewGate(p.port)
	if p.disk.N > 0 {
		w.fs.Inject(p.disk)
	}
	l, todo, err := w.begin(ctx, gate, steps())
	out.lives++
	out.fired = gate.Fired() != "" || w.fs.Fired() > 0
	out.calls, out.ops = gate.Calls(), w.fs.Ops()
	if err != nil {
		out.bury(l, p)
		if l, err = out.again(ctx, w, todo); err != nil {
			return out, fmt.Errorf("the life after the fault: %w", err)
		}
	}
	if err := out.end(ctx, l, s.want); err != nil || !p.cut {
		return out, err
	}
	w.die(false)
	if l, err = out.again(ctx, w, lastSteps()); err == nil {
		err = out.end(ctx, l, s.want)
	}
	if err != nil {
		return out, fmt.Errorf("after the power went at the end: %w", err)
	}
	return out, nil
}

// begin starts a process that does the steps. It returns those that are left
// when it died of an error.
func (w *world) begin(ctx context.Context, g *fault.Gate, todo []step) (*life, []step, error) {
	l, err := w.live(ctx, g)
	if err != nil {
		return l, todo, fmt.Errorf("start: %w", err)
	}
	if err := l.sweepRaw(ctx); err != nil && l.gate.Dead() {
		return l, todo, fmt.Errorf("sweep what the last life left: %w", err)
	}
	todo, err = l.play(ctx, todo)
	return l, todo, err
}

// again is begin without a fault.
func (o *outcome) again(ctx context.Context, w *world, todo []step) (*life, error) {
	o.lives++
	l, _, err := w.begin(ctx, fault.NewGate(fault.Plan{}), todo)
	if err != nil {
		o.bury(l, plan{})
		return nil, err
	}
	return l, nil
}

// bury ends a life that died of an error; what its parts say then means nothing.
// One that crashed cannot write any more when it is closed.
func (o *outcome) bury(l *life, p plan) {
	w, fs := l.w, l.w.fs
	if p.crashes() {
		w.die(p.kill)
		_ = l.close()
	} else {
		_ = l.close()
		w.die(p.kill)
	}
	o.unclosed = append(o.unclosed, fs.Unclosed()...)
}

// end checks the promise and ends a life that has done everything.
func (o *outcome) end(ctx context.Context, l *life, want map[lake.ID]bool) error {
	err := errors.Join(l.check(ctx, want), l.close())
	o.unclosed = append(o.unclosed, l.w.fs.Unclosed()...)
	return err
}
