package query

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
)

// command is a line that begins with a dot.
type command struct {
	name, args, help string
	run              func(s *session, ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"tables", "", "the tables: rows, files, days, bytes", (*session).tables},
		{"schema", "[TABLE]", "the columns of a table, or of all", (*session).schema},
		{"mode", "table|csv|json|ndjson", "how answers are written", (*session).setMode},
		{"mode", "parquet FILE", "the next answer goes to FILE", (*session).setMode},
		{"rows", "N", "most rows of one table", (*session).setRows},
		{"timer", "on|off", "show how long a statement took", (*session).setTimer},
		{"help", "", "this", (*session).help},
		{"quit", "", "end (also .exit, Ctrl-D)", quit},
	}
}

func (s *session) command(ctx context.Context, line string) error {
	words := strings.Fields(strings.TrimSuffix(line, ";"))
	name := strings.ToLower(strings.TrimPrefix(words[0], "."))
	if name == "exit" || name == "q" {
		name = "quit"
	}
	s.ran++
	for _, c := range commands() {
		if c.name == name {
			err := c.run(s, ctx, words[1:])
			if err != nil && !errors.Is(err, errQuit) {
				s.failed++
			}
			return err
		}
	}
	s.failed++
	return lake.Errorf(lake.ErrInvalid, "see .help", "no command %s", words[0])
}

func quit(*session, context.Context, []string) error { return errQuit }

func (s *session) help(context.Context, []string) error {
	for _, c := range commands() {
		s.say("  %-28s %s", strings.TrimSpace("."+c.name+" "+c.args), c.help)
	}
	s.say("Everything else is SQL and ends with ';'. All tables together: events. Every table has the column day.")
	return nil
}

func (s *session) tables(ctx context.Context, _ []string) error {
	names, err := s.catalog.Tables(ctx)
	if err != nil {
		return err
	}
	list := &listing{cols: []lake.ResultColumn{{Name: "table", Type: "VARCHAR"}, {Name: "rows", Type: "BIGINT"}, {Name: "files", Type: "BIGINT"},
		{Name: "from", Type: "DATE"}, {Name: "to", Type: "DATE"}, {Name: "bytes", Type: "BIGINT"}, {Name: "columns", Type: "BIGINT"}}}
	for _, n := range names {
		t, err := s.catalog.Table(ctx, n)
		if errors.Is(err, lake.ErrNotFound) {
			continue // dropped since it was listed
		}
		if err != nil {
			return err
		}
		list.rows = append(list.rows, summary(&t))
	}
	return s.list(list)
}

func summary(t *lake.Table) []any {
	var rows, bytes int64
	var from, to any
	for i, f := range t.Files {
		rows, bytes = rows+f.Rows, bytes+f.Bytes
		day := f.Day.Start().Time()
		if i == 0 {
			from, to = day, day
			continue
		}
		from, to = earliest(from, day), latest(to, day)
	}
	return []any{string(t.Name), rows, int64(len(t.Files)), from, to, bytes, int64(len(t.Schema.Columns))}
}

func (s *session) schema(ctx context.Context, args []string) error {
	if len(args) > 1 {
		return lake.Errorf(lake.ErrInvalid, ".schema [TABLE]", "%d tables", len(args))
	}
	names, err := s.catalog.Tables(ctx)
	if err != nil {
		return err
	}
	names = append(names, lake.EventsView)
	if len(args) == 1 {
		names = []lake.TableName{lake.TableName(strings.ToLower(args[0]))}
	}
	for _, n := range names {
		if err := s.describe(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) describe(ctx context.Context, n lake.TableName) (err error) {
	name := `"` + strings.ReplaceAll(string(n), `"`, `""`) + `"`
	rows, err := s.engine.Query(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+name+")")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	s.say("%s", n)
	for {
		row, err := rows.Next()
		if err != nil || row == nil {
			return err
		}
		s.say("  %-28s %s", visible(text(row[0], "")), visible(text(row[1], "")))
	}
}

func (s *session) setMode(_ context.Context, args []string) error {
	const usage = ".mode table|csv|json|ndjson, or .mode parquet FILE"
	switch {
	case len(args) == 0:
		s.say("mode %s", s.mode)
		return nil
	case strings.EqualFold(args[0], "parquet"):
		if len(args) != 2 {
			return lake.Errorf(lake.ErrInvalid, usage, "one file is needed")
		}
		if _, ok := s.engine.(Exporter); !ok {
			return lake.Errorf(lake.ErrInvalid, "choose another format", "this engine cannot write parquet")
		}
		s.parquet = args[1]
		s.say("the next answer goes to %s", s.parquet)
		return nil
	case len(args) > 1:
		return lake.Errorf(lake.ErrInvalid, usage, "%d words", len(args))
	}
	f, err := ParseFormat(args[0])
	if err != nil {
		return lake.Errorf(lake.ErrInvalid, usage, "mode %q", args[0])
	}
	s.mode = f
	return nil
}

func (s *session) setRows(_ context.Context, args []string) error {
	if len(args) == 1 {
		if n, err := strconv.ParseInt(args[0], 10, 64); err == nil && n > 0 {
			s.opt.Rows = n
			return nil
		}
	}
	return lake.Errorf(lake.ErrInvalid, ".rows N, with N from 1", "not a number of rows")
}

func (s *session) setTimer(_ context.Context, args []string) error {
	if len(args) == 1 && (args[0] == "on" || args[0] == "off") {
		s.timer = args[0] == "on"
		return nil
	}
	if len(args) == 0 {
		s.timer = !s.timer
		return nil
	}
	return lake.Errorf(lake.ErrInvalid, ".timer on|off", "timer %q", strings.Join(args, " "))
}

// export writes the answer to the file of .mode parquet: whole or not at all,
// and not over a file that exists.
func (s *session) export(ctx context.Context, sql string) (err error) {
	path := s.parquet
	s.parquet = ""
	exporter, ok := s.engine.(Exporter)
	if !ok {
		return lake.Errorf(lake.ErrInvalid, "choose another format", "this engine cannot write parquet")
	}
	if _, err := os.Lstat(path); err == nil {
		return lake.Errorf(lake.ErrExists, "name another file, or remove it first", "%s", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*.parquet")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	n, err := exporter.CopyParquet(ctx, sql, f)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	s.say("%d rows written to %s", n, path)
	return nil
}
