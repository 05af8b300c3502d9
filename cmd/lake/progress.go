package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/eventlake/lake/assemble"
)

// progress shows how far something is: a bar with rate and time left on a
// terminal, a line every five seconds otherwise.
type progress struct {
	w     io.Writer
	what  string
	unit  string
	bar   *progressbar.ProgressBar
	lines time.Time // of the last line
	start time.Time
}

func (a *app) progress(what, unit string) *progress {
	p := &progress{w: a.err, what: what, unit: unit, start: time.Now(), lines: time.Now()}
	if f, ok := a.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	}
	return p
}

// step takes an assemble.Step as an operation reports it.
func (p *progress) step(raw json.RawMessage) {
	var s assemble.Step
	if json.Unmarshal(raw, &s) == nil {
		p.at(s.Done, s.Total)
	}
}

// at shows done of total; total 0 is unknown.
func (p *progress) at(done, total int64) {
	if p.bar != nil {
		if total > 0 && p.bar.GetMax64() != total {
			p.bar.ChangeMax64(total)
		}
		_ = p.bar.Set64(done) // a bar that cannot be drawn is no failure
		return
	}
	if time.Since(p.lines) < 5*time.Second {
		return
	}
	p.lines = time.Now()
	rate := float64(done) / time.Since(p.start).Seconds()
	if total > 0 {
		left := time.Duration(float64(total-done) / max(rate, 1e-9) * float64(time.Second)).Round(time.Second)
		fmt.Fprintf(p.w, "%s: %s of %s %s, %.0f/s, %s left\n", p.what, count(done), count(total), p.unit, rate, left)
		return
	}
	fmt.Fprintf(p.w, "%s: %s %s, %.0f/s\n", p.what, count(done), p.unit, rate)
}

// aside writes a line of its own, not behind the bar.
func (p *progress) aside(w io.Writer, format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear() // as in at
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// done takes the bar away.
func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish() // as in at
	}
}
