package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/eventlake/lake"
)

// run executes the job. The result holds a connection until it is closed.
func (e *Engine) run(ctx context.Context, j job, limit int64, args []any) (r *rows, err error) {
	c, err := j.db.conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close(err))
		}
	}()
	if err := e.views(ctx, c, j); err != nil {
		return nil, err
	}
	r = &rows{engine: e, conn: c}
	err = c.Raw(func(raw any) error {
		dc, ok := raw.(*duck.Conn)
		if !ok {
			return fmt.Errorf("sql driver %T", raw)
		}
		return r.start(ctx, dc, j, limit, args)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// rows is a lake.Rows over a result that DuckDB holds complete.
type rows struct {
	engine  *Engine
	conn    *conn
	stmt    *duck.Stmt
	result  driver.Rows
	columns []lake.ResultColumn
	convert []converter
	in      []driver.Value
	out     []any
	closed  bool
}

func (r *rows) start(ctx context.Context, dc *duck.Conn, j job, limit int64, args []any) error {
	stmt, err := prepareSelect(dc, j.explain+j.query)
	if err != nil {
		return err
	}
	if err := r.describe(stmt); err != nil {
		return errors.Join(err, stmt.Close())
	}
	if j.explain == "" {
		if limited := r.rewrite(dc, j.query, limit); limited != nil {
			if err := stmt.Close(); err != nil {
				return errors.Join(err, limited.Close())
			}
			stmt = limited
		}
	}
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	result, err := stmt.QueryContext(ctx, named)
	if err != nil {
		return errors.Join(err, stmt.Close())
	}
	r.stmt, r.result = stmt, result
	types, ok := result.(driver.RowsColumnTypeDatabaseTypeName)
	for i := range r.columns {
		if ok && r.columns[i].Type == "" {
			r.columns[i].Type = types.ColumnTypeDatabaseTypeName(i)
		}
	}
	return nil
}

const typeJSON = "JSON"

// describe finds the names of the columns and how to convert their values.
func (r *rows) describe(stmt *duck.Stmt) error {
	n, err := stmt.ColumnCount()
	if err != nil {
		return err
	}
	r.columns, r.convert = make([]lake.ResultColumn, n), make([]converter, n)
	r.in, r.out = make([]driver.Value, n), make([]any, n)
	for i := range n {
		if r.columns[i].Name, err = stmt.ColumnName(i); err != nil {
			return err
		}
		info, err := stmt.ColumnTypeInfo(i)
		if err != nil {
			return fail(lake.ErrInvalid, "cast it, for example to VARCHAR", fmt.Sprintf("column %q has a type that cannot be shown", r.columns[i].Name))
		}
		if info.Alias() == typeJSON {
			r.columns[i].Type = typeJSON
		}
		r.convert[i] = converterOf(info)
	}
	return nil
}

// rewrite puts the query into one that stops at the limit and gives JSON as
// text, which keeps numbers exact. It returns nil where that is not needed, or
// not possible (SHOW); the query itself is then right too.
func (r *rows) rewrite(dc *duck.Conn, query string, limit int64) *duck.Stmt {
	needed := limit > 0
	outer, inner := make([]string, len(r.columns)), make([]string, len(r.columns))
	for i := range r.columns {
		inner[i] = fmt.Sprintf("c%d", i)
		outer[i] = inner[i]
		if r.columns[i].Type == typeJSON {
			outer[i] = "CAST(" + inner[i] + " AS VARCHAR)"
			needed = true
		}
	}
	if !needed || len(r.columns) == 0 {
		return nil
	}
	sql := "SELECT " + strings.Join(outer, ", ") + " FROM (\n" + query + "\n) AS q(" + strings.Join(inner, ", ") + ")"
	if limit > 0 {
		sql += fmt.Sprintf(" LIMIT %d", limit)
	}
	stmt, err := prepareSelect(dc, sql)
	if err != nil {
		return nil
	}
	return stmt
}

// Columns implements lake.Rows.
func (r *rows) Columns() []lake.ResultColumn { return r.columns }

// Next implements lake.Rows.
func (r *rows) Next() ([]any, error) {
	if r.closed {
		return nil, fmt.Errorf("read a result: %w", lake.ErrClosed)
	}
	err := r.result.Next(r.in)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, r.engine.classify(context.Background(), err)
	}
	for i, v := range r.in {
		r.out[i] = r.convert[i](v)
	}
	return r.out, nil
}

// Close implements lake.Rows.
func (r *rows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	return errors.Join(r.result.Close(), r.stmt.Close(), r.conn.close(nil))
}
