package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/eventlake/lake/cmd/lake/early"
)

// oneKey is how long further signals count as the first: a terminal tells all
// processes of a command line, and some of them pass it on.
const oneKey = 100 * time.Millisecond

// interrupts is what Ctrl-C and SIGTERM do, to every command the same: the first
// ends the context, so that everything stops in order and run can say so; the
// second ends the process.
type interrupts struct{ signals chan os.Signal }

// interrupted is why a context has ended. It is context.Canceled to whoever asks.
type interrupted struct{ signal syscall.Signal }

func (i *interrupted) Error() string { return "interrupted" }

func (i *interrupted) Is(target error) bool { return target == context.Canceled }

// exit is the exit code that shells give to such an end.
func (i *interrupted) exit() int { return 128 + int(i.signal) }

// watch returns a context that the first signal ends.
func watch(ctx context.Context, w io.Writer) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(ctx)
	in := &interrupts{signals: early.Signals()}
	go func() {
		first := read(<-in.signals)
		cancel(first)
		// A signal of the same key may be seen late on a busy machine: what counts is
		// that it is there when the time is over, not when it is read.
		time.Sleep(oneKey)
		for len(in.signals) > 0 {
			<-in.signals
		}
		again := read(<-in.signals)
		fmt.Fprintln(w, "lake: interrupted again, ended at once")
		os.Exit(again.exit())
	}()
	return ctx, in
}

func read(s os.Signal) *interrupted {
	number, ok := s.(syscall.Signal)
	if !ok {
		number = syscall.SIGINT
	}
	return &interrupted{number}
}

// leave gives the signals back: to a command that handles them itself.
func (in *interrupts) leave() { signal.Stop(in.signals) }

// interruption returns why the context has ended when it was a signal.
func interruption(ctx context.Context) (i *interrupted, ok bool) {
	ok = ctx.Err() != nil && errors.As(context.Cause(ctx), &i)
	return i, ok
}

// sayInterrupted says that the command was interrupted, and what failed besides.
func (a *app) sayInterrupted(err error) {
	what := "interrupted"
	if a.unfinished != "" {
		what += "; " + a.unfinished
	}
	fmt.Fprintln(a.err, "lake:", what)
	for _, e := range besides(err) {
		fmt.Fprintln(a.err, "lake:", e)
	}
}

// besides returns the errors that are no consequence of an interruption.
func besides(err error) (out []error) {
	if parts, ok := err.(interface{ Unwrap() []error }); ok {
		var texts []string
		for _, e := range parts.Unwrap() {
			texts = append(texts, e.Error())
			out = append(out, besides(e)...)
		}
		if strings.Join(texts, "\n") == err.Error() {
			return out
		}
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return []error{err}
}
