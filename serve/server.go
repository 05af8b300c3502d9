package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/serve/api"
)

// Server is one listening address with its endpoints. Its life is New, Listen,
// Serve (which blocks), Shutdown.
type Server struct {
	cfg   Config
	http  *http.Server
	ready *ready
	cert  *certificate // nil without TLS
	lis   net.Listener
}

// New prepares a Server without listening. The error joins every problem of
// the configuration, each ErrInvalid.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, ready: &ready{checks: cfg.Checks}}
	mux := http.NewServeMux()
	for path, h := range map[string]http.Handler{
		"/healthz": http.HandlerFunc(alive),
		"/readyz":  s.ready,
		"/metrics": promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{ErrorLog: errorLog{cfg.Logger}}),
	} {
		mux.Handle(path, api.Methods(h, http.MethodGet, http.MethodHead))
	}
	for pattern, h := range cfg.Routes {
		mux.Handle(pattern, h)
	}
	if cfg.Routes["/"] == nil {
		mux.Handle("/", newLanding(cfg.Routes))
	}
	out, err := newOuter(mux, cfg.Logger, cfg.Registry)
	if err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, "give each server its own registry", "register metrics of the server: %s", err)
	}
	var handler http.Handler = out
	if cfg.LocalOnly {
		handler = localOnly(out)
	}
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: cfg.Limits.Header,
		ReadTimeout:       cfg.Limits.Read,
		WriteTimeout:      cfg.Limits.Write,
		IdleTimeout:       cfg.Limits.Idle,
		MaxHeaderBytes:    cfg.Limits.HeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug), // what clients do wrong
	}
	if cfg.TLS.Cert != "" {
		if s.cert, err = loadCertificate(cfg.TLS, cfg.Logger); err != nil {
			return nil, err
		}
		s.http.TLSConfig = &tls.Config{GetCertificate: s.cert.get, MinVersion: tls.VersionTLS12}
	}
	return s, nil
}

// Handler returns what the server serves, for tests and for other servers.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Listen takes the address. After it Addr is known and connections wait to be
// served. ErrInvalid with a hint when the address cannot be had.
func (s *Server) Listen() error {
	l, err := net.Listen("tcp", s.cfg.Addr)
	if err != nil {
		return lake.Errorf(lake.ErrInvalid, "choose another address with --listen; perhaps another lake runs on this one", "listen on %s: %s", s.cfg.Addr, err)
	}
	s.lis = newBounded(l, s.cfg.Limits.Connections)
	return nil
}

// Addr is the address that Listen took, host:port; before that the configured one.
func (s *Server) Addr() string {
	if s.lis == nil {
		return s.cfg.Addr
	}
	return s.lis.Addr().String()
}

// URL is where clients find the server.
func (s *Server) URL() string {
	if s.cert != nil {
		return "https://" + s.Addr()
	}
	return "http://" + s.Addr()
}

// Serve answers requests until Shutdown, and then returns nil at once, while
// Shutdown still waits for the last of them.
func (s *Server) Serve() error {
	if s.lis == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	var err error
	if s.cert != nil {
		err = s.http.ServeTLS(s.lis, "", "")
	} else {
		err = s.http.Serve(s.lis)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", s.Addr(), err)
}

// Drain makes /readyz fail from now on, so that a load balancer sends nobody
// here any more; requests are still answered.
func (s *Server) Drain() { s.ready.draining.Store(true) }

// Shutdown drains, stops accepting connections and waits for the requests that
// are being answered. When the context ends first, their connections are cut
// and its error is returned. A second call is fine.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	err := s.http.Shutdown(ctx)
	if s.lis != nil { // also when Serve never ran
		if cerr := s.lis.Close(); cerr != nil && !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("shut down %s: %w", s.Addr(), err), s.http.Close())
	}
	return nil
}

// ShutdownWithin is Shutdown with at most d to wait.
func (s *Server) ShutdownWithin(d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return s.Shutdown(ctx)
}

// errorLog passes on what promhttp has to say.
type errorLog struct{ log *slog.Logger }

func (e errorLog) Println(v ...any) { e.log.Error("metrics", "error", fmt.Sprint(v...)) }
