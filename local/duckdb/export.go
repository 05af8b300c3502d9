package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/eventlake/lake"
)

// CopyParquet runs one SELECT and writes its whole result to w as a Parquet
// file (zstd), with all of its types. It returns the number of rows. The
// errors are Query's; nothing is written to w when the statement fails.
func (e *Engine) CopyParquet(ctx context.Context, sql string, w io.Writer) (n int64, err error) {
	if e.temp == "" {
		return 0, fail(lake.ErrInvalid, "make the data directory writable, or choose another format", "no place for a temporary file")
	}
	if e.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.cfg.Timeout)
		defer cancel()
	}
	dir, err := os.MkdirTemp(e.temp, "export-")
	if err != nil {
		return 0, fmt.Errorf("make a temporary file: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "result.parquet")
	err = e.attempt(ctx, sql, func(j job) (err error) {
		n, err = e.copyTo(ctx, j, path)
		return err
	})
	if err != nil {
		return 0, e.classify(ctx, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read the result: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(w, f); err != nil {
		return 0, fmt.Errorf("write the result: %w", err)
	}
	return n, nil
}

// copyTo is the one place where SQL writes a file: one that the engine names.
func (e *Engine) copyTo(ctx context.Context, j job, path string) (n int64, err error) {
	if j.explain != "" || j.about {
		return 0, fail(lake.ErrInvalid, "choose another format", "EXPLAIN, SHOW and the catalog's own tables have no Parquet form")
	}
	c, err := e.runner.conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close(err)) }()
	if err := e.views(ctx, c, j); err != nil {
		return 0, err
	}
	// The query was checked to be one SELECT by itself; here it must be one too.
	if err := c.prepare("SELECT * FROM (\n" + j.query + "\n)"); err != nil {
		return 0, err
	}
	res, err := c.ExecContext(ctx, "COPY (\n"+j.query+"\n) TO "+text(path)+" (FORMAT parquet, COMPRESSION zstd)")
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
