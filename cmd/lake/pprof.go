package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/eventlake/lake"
)

// servePprof answers profiles of this process at addr until stop is called.
// Whoever can ask can stall the process and see names of its functions, so the
// address has to be one of this machine's own.
func servePprof(addr string, log *slog.Logger) (stop func() error, err error) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, &usageError{lake.Errorf(lake.ErrInvalid, "write it as 127.0.0.1:6060", "--pprof %q is not an address of this machine's own", addr)}
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	log.Info("profiles are served", "url", "http://"+listener.Addr().String()+"/debug/pprof/")
	return func() error {
		// A profile that is being taken is cut short: it must not hold up the end.
		err := server.Close()
		if e := <-done; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}

// withPprof runs f, with profiles at addr when there is one.
func withPprof(ctx context.Context, addr string, log *slog.Logger, f func(context.Context) error) (err error) {
	if addr == "" {
		return f(ctx)
	}
	stop, err := servePprof(addr, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return f(ctx)
}
