// Command lake is an event-driven data lake in one program.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
)

// Exit codes, also in `lake help exit-codes`.
const (
	exitOK     = 0
	exitFailed = 1 // the command failed, or lake verify or lake doctor found a problem
	exitUsage  = 2 // wrong flags, arguments or configuration
	exitLocked = 3 // another process holds the data directory
	// 128 and the signal's number: interrupted
)

func main() {
	ctx, in := watch(context.Background(), os.Stderr)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ(), interrupts: in}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(remarked(args))
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if i, ok := interruption(ctx); ok {
		a.sayInterrupted(err)
		return i.exit()
	}
	if !a.began {
		err = &usageError{fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	}
	var quiet *silent
	if !errors.As(err, &quiet) {
		var problems config.Problems
		if errors.As(err, &problems) && len(problems) > 1 {
			fmt.Fprintf(a.err, "lake: %d problems in the configuration:\n%v\n", len(problems), problems)
		} else {
			fmt.Fprintf(a.err, "lake: %v\n", err)
		}
		if hint := lake.Hint(err); hint != "" {
			fmt.Fprintf(a.err, "hint: %s\n", hint)
		}
	}
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, lake.ErrLocked):
		return exitLocked
	}
	return exitFailed
}

// silent is a failure that the command has already explained.
type silent struct{ why string }

func (s *silent) Error() string { return s.why }

// usageError is the caller's mistake.
type usageError struct{ error }

func (u *usageError) Unwrap() error { return u.error }
