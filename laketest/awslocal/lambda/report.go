package lambda

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Result is the answer to one invocation.
type Result struct {
	Payload []byte // JSON; nil after an error
	Report  Report
}

// Report is what CloudWatch's REPORT line says of an invocation.
type Report struct {
	RequestID string
	Duration  time.Duration // from handing it over to the answer
	Cold      bool          // the environment was started for it
	Init      time.Duration // from the start of the process to its first call of next; 0 when warm
	MaxRSS    int64         // bytes, the most that the process has had so far; 0 when the system does not say
	CPU       time.Duration // of the process in this invocation, initialisation included; resolution 10 ms
}

// String is the line in the log.
func (r Report) String() string {
	s := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tMax Memory Used: %d MB", r.RequestID, ms(r.Duration), r.MaxRSS>>20)
	if r.Cold {
		s += fmt.Sprintf("\tInit Duration: %.2f ms", ms(r.Init))
	}
	return s
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Stats sums up what a function has done.
type Stats struct {
	Invocations int64
	Errors      int64 // *FunctionError
	Throttled   int64
	ColdStarts  int64
	Init        time.Duration // of all cold starts together
	Duration    time.Duration // of all invocations together
	CPU         time.Duration
	MaxRSS      int64 // bytes, of the largest environment
}

// Stats returns the sums so far.
func (f *Function) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

func (f *Function) note(r Report, err error) {
	f.log.line(f.cfg.Name + ": " + r.String())
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Invocations++
	if err != nil {
		f.stats.Errors++
	}
	if r.Cold {
		f.stats.ColdStarts++
		f.stats.Init += r.Init
	}
	f.stats.Duration += r.Duration
	f.stats.CPU += r.CPU
	f.stats.MaxRSS = max(f.stats.MaxRSS, r.MaxRSS)
}

// FunctionError is a failed invocation, as the header X-Amz-Function-Error and
// the payload tell it.
type FunctionError struct {
	Type    string // of the function's own error, or Sandbox.Timedout, Runtime.ExitError
	Message string
	Payload []byte // what the function handed in, when it did
}

// Error is the type and the message.
func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// lineWriter lets several environments write whole pieces to one writer.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write passes b on; what cannot be written is dropped, like the logs of a
// function that may not write to CloudWatch.
func (l *lineWriter) Write(b []byte) (int, error) {
	if l.w == nil {
		return len(b), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(b); err != nil {
		l.w = nil
	}
	return len(b), nil
}

func (l *lineWriter) line(s string) {
	_, _ = l.Write([]byte(s + "\n")) // never fails, see Write
}
