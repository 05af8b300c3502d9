// Package early subscribes to the signals that end a program before main does.
//
// Packages are made ready before main begins, those that lake is made of for a
// tenth of a second, and a signal in that time would end the process by the
// signal itself. This one needs next to nothing, so it is among the first.
package early

import (
	"os"
	"os/signal"
	"syscall"
)

// signals gets what came since shortly after the process began. It is set once,
// before any code of main runs.
var signals = subscribe()

func subscribe() chan os.Signal {
	c := make(chan os.Signal, 4)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
	return c
}

// Signals returns the channel of SIGINT and SIGTERM, always the same one.
// signal.Stop ends it.
func Signals() chan os.Signal { return signals }
