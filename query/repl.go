package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// SessionOptions are how a session behaves; the zero value reads a script from
// a pipe.
type SessionOptions struct {
	Terminal bool       // In is a person's keyboard: prompts, editing, history, Ctrl-C
	History  string     // file of what was typed before; "" keeps none
	Err      io.Writer  // for errors; nil: out
	Rows     int64      // most rows of one answer in mode table [1,000]
	Width    func() int // columns of the terminal; nil: nothing is cut
}

// session is one run of REPL.
type session struct {
	engine  lake.Engine
	catalog Catalog
	out     io.Writer
	opt     SessionOptions
	mode    Format
	parquet string // file for the next answer, in mode parquet
	timer   bool
	failed  int
	ran     int
}

// errQuit ends a session.
var errQuit = errors.New("quit")

// REPL reads statements, which end in ';', and commands, which begin with '.',
// and writes their answers. An error ends the statement, not the session;
// Ctrl-C stops the running statement or drops the line, Ctrl-D or .quit ends.
// At a terminal the context must not be one that Ctrl-C cancels; without one the
// context's end ends the script, and else the error says in the end that
// statements failed.
func REPL(ctx context.Context, engine lake.Engine, catalog Catalog, in io.Reader, out io.Writer, opt SessionOptions) error {
	if opt.Err == nil {
		opt.Err = out
	}
	if opt.Rows <= 0 {
		opt.Rows = 1000
	}
	s := &session{engine: engine, catalog: catalog, out: out, opt: opt, mode: Table, timer: opt.Terminal}
	lines, err := s.input(ctx, in)
	if err != nil {
		return err
	}
	err = errors.Join(s.loop(ctx, lines), lines.close())
	if err == nil && !opt.Terminal && s.failed > 0 {
		return lake.Errorf(lake.ErrInvalid, "", "%d of %d statements failed", s.failed, s.ran)
	}
	return err
}

const (
	prompt     = "lake> "
	promptMore = "  ... "
)

func (s *session) loop(ctx context.Context, lines lineReader) error {
	if s.opt.Terminal {
		s.say("Type SQL ended by ';' or .help; Ctrl-D ends.")
	}
	var typed strings.Builder
	for {
		p := prompt
		if typed.Len() > 0 {
			p = promptMore
		}
		line, err := lines.read(p)
		switch {
		case errors.Is(err, errDropped):
			typed.Reset()
			continue
		case errors.Is(err, io.EOF):
			return s.last(ctx, typed.String())
		case err != nil:
			return fmt.Errorf("read a line: %w", err)
		}
		if typed.Len() == 0 && strings.HasPrefix(strings.TrimSpace(line), ".") {
			lines.remember(line)
			if err := s.command(ctx, strings.TrimSpace(line)); errors.Is(err, errQuit) {
				return nil
			} else if err != nil {
				s.complain(err)
			}
			continue
		}
		typed.WriteString(line + "\n")
		rest := s.statements(ctx, lines, typed.String())
		typed.Reset()
		if !blankStatement(rest) {
			typed.WriteString(rest)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// statements runs all whole statements of the text and returns the rest.
func (s *session) statements(ctx context.Context, lines lineReader, text string) string {
	for ctx.Err() == nil {
		statement, rest, ok := splitStatement(text)
		if !ok {
			break
		}
		text = rest
		if blankStatement(statement) {
			continue
		}
		lines.remember(strings.TrimSpace(statement) + ";")
		s.run(ctx, statement)
	}
	return text
}

// last runs what stands at the end of a script without ';'.
func (s *session) last(ctx context.Context, text string) error {
	if s.opt.Terminal {
		s.say("")
		return nil
	}
	if !blankStatement(text) {
		s.run(ctx, text)
	}
	return ctx.Err()
}

// run runs one statement and shows its answer or its error.
func (s *session) run(ctx context.Context, sql string) {
	whole := ctx
	if s.opt.Terminal {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
	}
	s.ran++
	if err := s.show(ctx, sql); err != nil && whole.Err() == nil {
		s.failed++
		s.complain(err)
	}
}

func (s *session) show(ctx context.Context, sql string) (err error) {
	start := time.Now()
	if s.parquet != "" {
		return s.export(ctx, sql)
	}
	opt := Options{}
	if s.mode == Table {
		opt.Limit = s.opt.Rows
		if s.opt.Width != nil {
			opt.Width = s.opt.Width()
		}
	}
	rows, err := Run(ctx, s.engine, opt.Limit, sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if s.timer {
		opt.Elapsed = time.Since(start)
	}
	_, _, err = Write(s.out, rows, s.mode, opt)
	return err
}

// say writes a line to the person. A terminal that is gone is noticed when the
// next line is read from it.
func (s *session) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format+"\n", args...) // see above
}

func (s *session) complain(err error) {
	msg := err.Error()
	switch {
	case errors.Is(err, context.Canceled):
		msg = "cancelled"
	case !strings.Contains(msg, "\n"):
		msg = strings.TrimSuffix(msg, ": "+lake.ErrInvalid.Error())
	}
	if hint := lake.Hint(err); hint != "" {
		msg += "\nhint: " + hint
	}
	_, _ = fmt.Fprintln(s.opt.Err, "error: "+msg) // as in say
}
