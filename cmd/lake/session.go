package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"syscall"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/admin"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/disk"
)

// session is a lake to work on: the one that runs on the data directory, or
// one opened in this process for as long as the command takes.
type session struct {
	running bool
	do      func(ctx context.Context, op string, args any, progress func(json.RawMessage), result any) error
	local   *assemble.Local // nil when another process runs the lake
}

// open finds the lake of the configuration.
func (a *app) open(ctx context.Context, cfg config.Config) (*session, error) {
	if err := mustExist(cfg.Data); err != nil {
		return nil, err
	}
	info, held, err := disk.ReadLock(cfg.Data)
	if err != nil && !errors.Is(err, lake.ErrNotFound) && !disk.IsNotExist(err) {
		return nil, err
	}
	if held && info.Admin != "" {
		c := admin.Client{Addr: info.Admin, Token: info.Token, HTTP: &http.Client{}, PID: info.PID}
		return &session{running: true, do: c.Do}, nil
	}
	l, err := assemble.Open(ctx, cfg, a.quiet(cfg))
	if err != nil {
		return nil, err
	}
	return &session{do: l.Ops().Do, local: l}, nil
}

// quiet is the logger of commands that work for a moment: warnings and errors,
// unless a lower level was asked for.
func (a *app) quiet(cfg config.Config) *slog.Logger {
	if *a.flags["log.level"] == "" {
		cfg.Log.Level = "warn"
	}
	return a.logger(cfg)
}

// settle brings what the command put into the stream into the tables, when no
// running lake does.
func (s *session) settle(ctx context.Context) error {
	if s.local == nil {
		return nil
	}
	return s.local.Settle(ctx)
}

func (s *session) close() error {
	if s.local == nil {
		return nil
	}
	return s.local.Close()
}

// with runs f on the lake of the command line's data directory.
func (a *app) with(ctx context.Context, f func(*session, config.Config) error) (err error) {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	s, err := a.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	a.unfinished = "a repeat is safe"
	if s.running {
		a.unfinished = "the running lake stops this work too, and a repeat is safe"
	}
	return f(s, cfg)
}

// mayWrite adds what to do to the error of a directory that cannot be written.
func mayWrite(err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EROFS) {
		return lake.Errorf(lake.ErrInvalid, "give a directory that can be written: --data DIR", "%v", err)
	}
	return err
}

// mustExist wants a directory in which there may be a lake of this user.
func mustExist(dir string) error {
	st, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return lake.Errorf(lake.ErrNotFound, "start one with: lake up --data "+dir+", or name another with --data DIR", "no lake at %s", dir)
	}
	if err == nil && !st.IsDir() {
		return lake.Errorf(lake.ErrInvalid, "name a directory: --data DIR", "%s is a file", dir)
	}
	if err == nil {
		err = mayUse(dir)
	}
	return err
}
