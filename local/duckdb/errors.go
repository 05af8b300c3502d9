package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"

	"github.com/eventlake/lake"
)

var errClosed = fmt.Errorf("sql engine: %w", lake.ErrClosed)

// failure is a *lake.Hinted whose text is DuckDB's message as it is: it often
// ends in a line that points at the place.
type failure struct {
	text string
	kind error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.kind }

func fail(kind error, hint, text string) error {
	return &failure{text, &lake.Hinted{Kind: kind, What: text, Hint: hint}}
}

// isFatal reports whether the database that said err must not be used again.
func isFatal(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && (e.Type == driver.ErrorTypeFatal || e.Type == driver.ErrorTypeInternal ||
		strings.Contains(e.Msg, "database has been invalidated"))
}

// isMissing reports whether a data file was gone: the snapshot that named it
// has been replaced, and its files removed, since it was read.
func isMissing(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) || e.Type != driver.ErrorTypeIO {
		return false
	}
	return strings.Contains(e.Msg, "No such file") || strings.Contains(e.Msg, "No files found") ||
		strings.Contains(e.Msg, "does not exist")
}

// isDamaged reports whether DuckDB could not read a data file.
func isDamaged(d *driver.Error) bool {
	for _, sign := range []string{"to be a Parquet file", "No magic bytes", "TProtocolException", "Corrupt", "corrupt", "Failed to read Parquet"} {
		if strings.Contains(d.Msg, sign) && d.Type != driver.ErrorTypeConversion {
			return true
		}
	}
	return false
}

// classify maps what DuckDB says onto the lake's errors. The data directory's
// own path never shows.
func (e *Engine) classify(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fail(lake.ErrLimit, "ask for less: a shorter time range, fewer columns, or an aggregate", "the statement was stopped: it took longer than its time limit")
	case ctx.Err() != nil:
		return fmt.Errorf("query: %w", ctx.Err())
	}
	var d *driver.Error
	if !errors.As(err, &d) {
		return err
	}
	msg := e.redact(d.Msg)
	if isDamaged(d) {
		return fail(lake.ErrCorrupt, "run: lake verify", "a data file cannot be read: "+firstLine(msg))
	}
	switch d.Type {
	case driver.ErrorTypeOutOfMemory:
		return fail(lake.ErrLimit, "ask for less: a shorter time range, fewer columns, smaller values, or an aggregate; or give SQL more memory, see query.memory", "the statement needs more memory than it may use: "+firstLine(msg))
	case driver.ErrorTypePermission:
		return fail(lake.ErrInvalid, "SQL here reads the lake's tables only, see: SHOW TABLES", "files cannot be read or written with SQL: "+firstLine(msg))
	case driver.ErrorTypeCatalog:
		if hint := e.suggest(msg); hint != "" {
			return fail(lake.ErrInvalid, hint, withoutProposal(msg))
		}
		return fail(lake.ErrInvalid, "", msg)
	case driver.ErrorTypeIO, driver.ErrorTypeFatal, driver.ErrorTypeInternal, driver.ErrorTypeNetwork,
		driver.ErrorTypeInterrupt, driver.ErrorTypeSerialization:
		return fmt.Errorf("query: %s", msg)
	}
	return fail(lake.ErrInvalid, "", msg)
}

func (e *Engine) redact(msg string) string {
	return strings.ReplaceAll(strings.ReplaceAll(msg, e.root+"/", ""), e.root, ".")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
