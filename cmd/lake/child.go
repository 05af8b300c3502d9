package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/duckdb"
	"github.com/eventlake/lake/query"
)

// child is a lake that runs in a process of its own, so that it can be killed.
type child struct {
	dir  string
	url  string
	addr string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// startChild starts a lake on a free loopback port and waits until it is ready.
func startChild(ctx context.Context, dir string) (*child, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &child{dir: dir, addr: l.Addr().String(), url: "http://" + l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	return c, c.start(ctx)
}

func (c *child) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c.cmd = exec.Command(self, "up", "--data", c.dir, "--config", filepath.Join(c.dir, "lake.yaml"), "--listen", c.addr, "--log-level", "warn")
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	if err := c.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(c.url + "/readyz")
		if err != nil {
			continue
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), c.kill())
	}
	return errors.Join(fmt.Errorf("the lake did not get ready: %s", c.log.String()), c.kill())
}

// kill ends the process at once: it gets no chance to save anything.
func (c *child) kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	var exited *exec.ExitError
	if err := c.cmd.Wait(); err != nil && !errors.As(err, &exited) {
		return err
	}
	return nil
}

// stop asks the lake to end and waits for it. A lake that the terminal has told
// already takes it for the second time and ends at once, which loses nothing.
func (c *child) stop() error {
	if c.cmd.ProcessState != nil {
		return nil // it was killed, and nobody started it again
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := c.cmd.Wait(); err != nil && c.cmd.ProcessState.ExitCode() != 128+int(syscall.SIGTERM) {
		return fmt.Errorf("the lake ended with %w: %s", err, c.log.String())
	}
	return nil
}

// withEngineOf asks one statement and writes the answer.
func (a *app) withEngineOf(ctx context.Context, cfg config.Config, sql, format string, w io.Writer) error {
	return a.withEngine(ctx, cfg, func(e *duckdb.Engine, _ *catalog.Catalog) (err error) {
		rows, err := query.Run(ctx, e, 0, sql)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		_, _, err = query.Write(w, rows, query.Format(format), query.Options{})
		return err
	})
}
