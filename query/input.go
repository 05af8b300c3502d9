package query

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/chzyer/readline"
)

// errDropped says that the person dropped what was typed (Ctrl-C).
var errDropped = errors.New("line dropped")

// lineReader gives lines until io.EOF.
type lineReader interface {
	read(prompt string) (string, error)
	remember(entry string) // for the history
	close() error
}

func (s *session) input(ctx context.Context, in io.Reader) (lineReader, error) {
	if !s.opt.Terminal {
		return &script{bufio.NewReader(in)}, nil
	}
	return s.keyboard(ctx, in)
}

// script reads lines of any length from a pipe or file.
type script struct{ in *bufio.Reader }

func (s *script) read(string) (string, error) {
	line, err := s.in.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

func (s *script) remember(string) {}
func (s *script) close() error    { return nil }

// keyboard edits lines on a terminal.
type keyboard struct{ *readline.Instance }

func (s *session) keyboard(ctx context.Context, in io.Reader) (lineReader, error) {
	if s.opt.History != "" {
		if err := keepPrivate(s.opt.History); err != nil {
			s.say("no history: %v", err)
			s.opt.History = ""
		}
	}
	cfg := &readline.Config{
		Prompt: prompt, HistoryFile: s.opt.History, HistoryLimit: 1000, DisableAutoSaveHistory: true, HistorySearchFold: true,
		InterruptPrompt: "^C", EOFPrompt: ".quit", AutoComplete: s.completer(ctx),
		Stdin: readline.NewCancelableStdin(in), Stdout: s.out, Stderr: s.out,
	}
	rl, err := readline.NewEx(cfg)
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	return keyboard{rl}, nil
}

// keepPrivate makes the history file for this user alone: statements may hold
// what others should not see.
func keepPrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (k keyboard) read(prompt string) (string, error) {
	k.SetPrompt(prompt)
	line, err := k.Readline()
	if errors.Is(err, readline.ErrInterrupt) {
		return "", errDropped
	}
	return line, err
}

func (k keyboard) remember(entry string) {
	// What cannot be kept is only missing from the history.
	_ = k.SaveHistory(strings.Join(strings.Fields(entry), " ")) // see above
}

func (k keyboard) close() error { return k.Close() }

// completer offers commands, table names and words of SQL.
func (s *session) completer(ctx context.Context) readline.AutoCompleter { return &completer{s, ctx} }

type completer struct {
	s   *session
	ctx context.Context // readline's callback has no context of its own
}

// Do implements readline.AutoCompleter.
func (c *completer) Do(line []rune, pos int) (endings [][]rune, length int) {
	typed := string(line[:pos])
	word := typed[strings.LastIndexAny(typed, " \t,(")+1:]
	var words []string
	if strings.HasPrefix(typed, ".") && word == typed {
		for _, cmd := range commands() {
			words = append(words, "."+cmd.name)
		}
	} else {
		words = append(words, "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "count(*)", "created_datetime", "event_type", "event_subtype", "day", "events", "DESCRIBE", "SUMMARIZE", "SHOW TABLES")
		if names, err := c.s.catalog.Tables(c.ctx); err == nil { // without names there is less to offer
			for _, n := range names {
				words = append(words, string(n))
			}
		}
	}
	for _, w := range words {
		if word != "" && len(w) > len(word) && strings.EqualFold(w[:len(word)], word) {
			endings = append(endings, []rune(w[len(word):]+" "))
		}
	}
	return endings, len([]rune(word))
}
