package serve_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/serve"
)

// certificate writes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T, files serve.TLS, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: cert}, files.Key: {Type: "EC PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// peer returns the name in the certificate that the server shows.
func peer(t *testing.T, s *serve.Server) string {
	t.Helper()
	c, err := tls.Dial("tcp", s.Addr(), &tls.Config{InsecureSkipVerify: true}) // made by this test
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestRenewedCertificateIsShownWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	files := serve.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	certificate(t, files, "first")
	s := start(t, serve.Config{TLS: files})
	if s.URL() != "https://"+s.Addr() {
		t.Errorf("URL %s", s.URL())
	}
	if got := peer(t, s); got != "first" {
		t.Fatalf("certificate of %q", got)
	}
	if err := os.WriteFile(files.Key, []byte("half a renewal"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := peer(t, s); got != "first" {
		t.Fatalf("in the middle of a renewal: certificate of %q", got)
	}
	certificate(t, files, "second")
	for deadline := time.Now().Add(10 * time.Second); peer(t, s) != "second"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate was never shown")
		}
	}
}

func TestUnusableCertificateIsRefusedAtStart(t *testing.T) {
	dir := t.TempDir()
	files := serve.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	if _, err := serve.New(serve.Config{TLS: files}); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Errorf("missing files: %v", err)
	}
	certificate(t, files, "one")
	other := serve.TLS{Cert: filepath.Join(dir, "other.pem"), Key: files.Key}
	certificate(t, serve.TLS{Cert: other.Cert, Key: filepath.Join(dir, "other-key.pem")}, "two")
	if _, err := serve.New(serve.Config{TLS: other}); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("key of another certificate: %v", err)
	}
}
