package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventlake/lake"
)

// DefaultAddr is where a lake listens that was not told otherwise.
const DefaultAddr = "127.0.0.1:8080"

// Config is what a Server is made of. The zero value of a field means its
// default.
type Config struct {
	Addr string // host:port; default DefaultAddr; port 0 takes a free one
	TLS  TLS

	// Routes maps patterns of http.ServeMux ("/v1/events", "GET /v1/tables")
	// to their handlers. "/", "/healthz", "/readyz" and "/metrics" are the
	// server's own; a route for "/" takes the place of the landing page.
	Routes map[string]http.Handler

	// Checks are asked by /readyz, by name. Each returns nil when its part is
	// ready and otherwise says why not; it should not take longer than a second.
	Checks map[string]func(context.Context) error

	// LocalOnly refuses requests that do not name this machine in their Host
	// header. It is for servers without keys: otherwise any web page could
	// reach them through a name of its own that resolves to 127.0.0.1.
	LocalOnly bool

	Logger   *slog.Logger         // nil: nothing is logged
	Registry *prometheus.Registry // for /metrics and the server's own; nil: a new one

	Limits Limits
}

// TLS names the files of a certificate in PEM. Both or none. They are read
// again when they change.
type TLS struct{ Cert, Key string }

// Limits bound what one client may take of the server.
type Limits struct {
	Header      time.Duration // to send the request's header; default 10 s
	Read        time.Duration // to send all of the request; default 60 s; a handler may set its own
	Write       time.Duration // to take the answer, from the end of the request's header; default 5 min
	Idle        time.Duration // between two requests on a connection; default 2 min
	HeaderBytes int           // default 32 KiB
	Connections int           // at once; more wait to be accepted; default 10,000
}

func (c *Config) setDefaults() {
	if c.Addr == "" {
		c.Addr = DefaultAddr
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	l := &c.Limits
	for _, d := range []struct {
		v         *time.Duration
		byDefault time.Duration
	}{{&l.Header, 10 * time.Second}, {&l.Read, time.Minute}, {&l.Write, 5 * time.Minute}, {&l.Idle, 2 * time.Minute}} {
		if *d.v <= 0 {
			*d.v = d.byDefault
		}
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = 32 << 10
	}
	if l.Connections <= 0 {
		l.Connections = 10_000
	}
}

func (c *Config) validate() error {
	var errs []error
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		errs = append(errs, lake.Errorf(lake.ErrInvalid, "write it as host:port, e.g. "+DefaultAddr, "listen address %q", c.Addr))
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, lake.Errorf(lake.ErrInvalid, "name both the certificate's file and the key's file", "tls"))
	}
	for _, own := range []string{"/healthz", "/readyz", "/metrics"} {
		if c.Routes[own] != nil {
			errs = append(errs, lake.Errorf(lake.ErrInvalid, "", "route %s is the server's own", own))
		}
	}
	return errors.Join(errs...)
}
