package assemble

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/admin"
	"github.com/eventlake/lake/assemble/front"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/serve"
	"github.com/eventlake/lake/serve/api"
)

// Up runs the lake and its HTTP server until the context ends: first it stops
// taking events and answers what it has, then the stages commit what was
// taken. sql serves POST /v1/sql. ready is told the URL once it listens.
func (l *Local) Up(ctx context.Context, sql http.Handler, ready func(url string)) error {
	server, err := l.server(sql)
	if err != nil {
		return err
	}
	if err := server.Listen(); err != nil {
		return err
	}
	stopAdmin, err := l.serveAdmin()
	if err != nil {
		return errors.Join(err, server.ShutdownWithin(0))
	}
	// The stages outlive the server, so that what a last request stored is
	// taken in; they stop at once when one of them cannot go on.
	stages, stopStages := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStages()
	g, failed := errgroup.WithContext(ctx)
	g.Go(server.Serve)
	g.Go(func() error { return l.Run(stages) })
	g.Go(func() error {
		<-failed.Done()
		err := server.ShutdownWithin(l.Config.Limits.Drain)
		stopStages()
		return err
	})
	g.Go(func() error { // a stream that stopped itself takes the lake down: restarting is the cure
		select {
		case <-l.Stream.Failed():
			return fmt.Errorf("stream: %w", l.Stream.Err())
		case <-failed.Done():
			return nil
		}
	})
	ready(server.URL())
	return errors.Join(g.Wait(), stopAdmin())
}

func (l *Local) server(sql http.Handler) (*serve.Server, error) {
	cfg := l.Config
	if err := l.registerMetrics(); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	var authenticate api.Authenticator
	if cfg.KeysRequired() {
		authenticate = front.Authenticator(l.Keys)
	}
	handler, err := collect.New(collect.Config{
		Stream: l.Stream, Sources: l.Sources, Keys: authenticate, AnySource: authenticate == nil,
		Pressure: l.pressure, Origins: cfg.CORS.Origins, Clock: l.Clock, Logger: l.Log, Registry: l.Registry,
		Limits: front.Limits(cfg.Limits),
	})
	if err != nil {
		return nil, err
	}
	return serve.New(serve.Config{
		Addr: cfg.Listen, TLS: serve.TLS{Cert: cfg.TLS.Cert, Key: cfg.TLS.Key},
		Routes: map[string]http.Handler{"/v1/events": handler, "/v1/sql": sql},
		Checks: map[string]func(context.Context) error{
			"stream": func(context.Context) error { return l.Stream.Ready() },
			"disk":   func(context.Context) error { return l.pressure() },
		},
		LocalOnly: authenticate == nil, Logger: l.Log, Registry: l.Registry,
		Limits: serve.Limits{Idle: cfg.Limits.IdleTimeout},
	})
}

// pressure refuses new events while the disk is nearly full, so that those
// already accepted can still become tables.
func (l *Local) pressure() error {
	free, err := disk.Free(l.Config.Data)
	if err != nil {
		return err
	}
	if least := int64(l.Config.Limits.DiskFree); free < least {
		return lake.Errorf(lake.ErrFull, "free some space, or lower limits.disk_free", "%d bytes of disk are free, %d are kept back", free, least)
	}
	return nil
}

// serveAdmin offers the operations to other commands of this machine and puts
// the way to them into the lock file.
func (l *Local) serveAdmin() (stop func() error, err error) {
	var secret [24]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	token := hex.EncodeToString(secret[:])
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	server := &http.Server{Handler: admin.Handler(l.Ops(), token, l.Log), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	err = l.Lock.SetInfo(disk.Info{PID: os.Getpid(), Started: l.started, Admin: listener.Addr().String(), Token: token})
	stop = func() error {
		err := server.Close()
		if end := <-ended; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
		return err
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}
