package client

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/eventlake/lake"
)

// LoadCA reads a file of certificates in PEM and returns them together with the
// authorities that the system trusts. ErrNotFound when there is no such file,
// ErrInvalid when it holds no certificate.
func LoadCA(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, lake.Errorf(lake.ErrNotFound, "check the path", "file of certificates %s", file)
	}
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without: the file's are all there are
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, lake.Errorf(lake.ErrInvalid, "it must hold -----BEGIN CERTIFICATE----- blocks", "%s holds no certificate in PEM", file)
	}
	return pool, nil
}
