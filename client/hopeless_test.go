package client_test

import (
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/client"
)

// secure is a server with a certificate of no known authority, and the file
// with that certificate.
func secure(t *testing.T) (s *server, file string) {
	t.Helper()
	s = &server{got: map[string]int{}}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	file = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, file
}

func TestAnAuthorityOfOnesOwnIsTrustedWhenItIsNamed(t *testing.T) {
	s, file := secure(t)
	ca, err := client.LoadCA(file)
	if err != nil {
		t.Fatal(err)
	}
	batch := client.Batch{Events: 1, Body: []byte("{}\n")}
	if _, err := newClient(t, client.Options{URL: s.URL, CA: ca}).Post(t.Context(), batch); err != nil || s.got["{}"] != 1 {
		t.Errorf("%v, got %v", err, s.got)
	}
	if s.requests[0].ProtoMajor != 1 && s.requests[0].ProtoMajor != 2 {
		t.Errorf("HTTP %s", s.requests[0].Proto)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.LoadCA(empty); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Errorf("a file without a certificate: %v", err)
	}
	if _, err := client.LoadCA(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("no file: %v", err)
	}
}

func TestAConnectionThatNoRepeatCanMendEndsAtOnce(t *testing.T) {
	tls, file := secure(t)
	ca, err := client.LoadCA(file)
	if err != nil {
		t.Fatal(err)
	}
	plain := newServer(t)
	port := func(raw string) string {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		return u.Port()
	}
	for name, c := range map[string]struct {
		o    client.Options
		hint string
	}{
		"an unknown authority":        {client.Options{URL: tls.URL}, "--ca"},
		"the certificate of another":  {client.Options{URL: "https://localhost:" + port(tls.URL), CA: ca}, "name in the URL"},
		"https where there is no TLS": {client.Options{URL: "https://127.0.0.1:" + port(plain.URL)}, "http://"},
		"http where there is TLS":     {client.Options{URL: "http://127.0.0.1:" + port(tls.URL)}, "https://"},
		"a name that nobody has": {client.Options{URL: "http://lake", HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "lake", IsNotFound: true}}
		})}}, "the name"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := newClient(t, c.o).Send(t.Context(), input(t, numbered(100)), client.Hooks{})
			if !errors.Is(err, lake.ErrInvalid) || !strings.Contains(lake.Hint(err), c.hint) || time.Since(began) > 20*time.Second {
				t.Errorf("%v, hint %q, after %s", err, lake.Hint(err), time.Since(began))
			}
		})
	}
}

func TestANameThatWasFoundOnceIsLookedUpAgain(t *testing.T) {
	s := newServer(t)
	n := 0
	c := newClient(t, client.Options{URL: s.URL, HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if n++; n == 2 {
			return nil, &net.DNSError{Err: "no such host", Name: "lake", IsNotFound: true}
		}
		return http.DefaultTransport.RoundTrip(r)
	})}})
	for range 2 {
		if _, err := c.Post(t.Context(), client.Batch{Events: 1, Body: []byte("{}\n")}); err != nil {
			t.Fatal(err)
		}
	}
	if n != 3 || s.got["{}"] != 2 {
		t.Errorf("%d requests, %v", n, s.got)
	}
}

func TestAReceiverThatTakesNothingEndsASend(t *testing.T) {
	s := newServer(t)
	s.before = func(_ int, w http.ResponseWriter, _ []byte) bool {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return true
	}
	report, err := newClient(t, client.Options{URL: s.URL, Connections: 1}).Send(t.Context(), input(t, numbered(1000)), client.Hooks{})
	if !errors.Is(err, lake.ErrInvalid) || !strings.Contains(lake.Hint(err), "proxy") || report.Dropped != 0 || len(s.requests) > 20 {
		t.Errorf("%v, hint %q, %+v, %d requests", err, lake.Hint(err), report, len(s.requests))
	}
}
