// Package client sends events to a lake over HTTP: in batches, over several
// connections, again and again until each batch is acknowledged. Sending twice
// is safe, for the lake drops what it has already by the event's id; so every
// failure that a second try can mend is tried again here.
package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
)

// Path is where a lake takes events.
const Path = "/v1/events"

// Options say where and how to send. Zero values take the defaults.
type Options struct {
	URL         string                    // of the lake, e.g. http://127.0.0.1:8080; Path is added when it has none
	Key         string                    // write key; empty: none is sent
	Header      http.Header               // added to every request
	BatchEvents int                       // most events a request; default 1000
	BatchBytes  int                       // bytes a request aims at; default 1 MiB; an event is never split
	Connections int                       // requests at a time; default 4
	Linger      time.Duration             // longest wait for a batch to fill; default 500 ms
	Compress    bool                      // with zstd
	Patience    time.Duration             // give up after so long without a success; default 1 m, negative: never
	Timeout     time.Duration             // for one request; default 1 m
	CA          *x509.CertPool            // whose certificates are trusted, see LoadCA; default: those that the system trusts
	HTTPClient  *http.Client              // default: one of its own that follows no redirect; CA does not count with another
	Logger      *slog.Logger              // default: silent
	Backoff     func(n int) time.Duration // pause before the n-th retry, n from 1; default: 100 ms doubling to 10 s, randomized
}

// Client sends to one lake. It may be used by several goroutines.
type Client struct {
	o       Options
	url     string
	encoder *zstd.Encoder // nil: no compression
	success atomic.Int64  // when a request last succeeded, unix ns
	warned  atomic.Int64  // when a retry was last said aloud, unix ns
}

// New checks the options. ErrInvalid when the URL is none.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, lake.Errorf(lake.ErrInvalid, "write it as http://127.0.0.1:8080", "the URL %q", o.URL)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = Path
	}
	c := &Client{o: o.withDefaults(), url: u.String()}
	if o.Compress {
		c.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(c.o.Connections))
		if err != nil {
			return nil, fmt.Errorf("set up zstd: %w", err)
		}
	}
	return c, nil
}

func (o Options) withDefaults() Options {
	if o.BatchEvents <= 0 {
		o.BatchEvents = 1000
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 1 << 20
	}
	if o.Connections <= 0 {
		o.Connections = 4
	}
	if o.Linger <= 0 {
		o.Linger = 500 * time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				MaxIdleConnsPerHost: o.Connections,
				IdleConnTimeout:     time.Minute,
				DisableCompression:  true,
				ForceAttemptHTTP2:   true,
				TLSClientConfig:     &tls.Config{RootCAs: o.CA, MinVersion: tls.VersionTLS12},
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Backoff == nil {
		o.Backoff = backoff
	}
	return o
}

// errTooLarge is what a server answers to a request that is too large for it.
var errTooLarge = errors.New("the request is too large for the lake")
