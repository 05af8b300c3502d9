package config

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
)

// checkCertificate reads the files of the certificate.
func (r *reader) checkCertificate() {
	c := r.config.TLS
	if c.Cert == "" || c.Key == "" {
		return // check has said what is missing
	}
	cert, ok := r.readFile("tls.cert", c.Cert)
	key, also := r.readFile("tls.key", c.Key)
	if !ok || !also {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		r.wrong("tls.cert", "both files must be PEM, and the key must be that of the first certificate", "%s and %s are no certificate and its key: %v", c.Cert, c.Key, err)
	}
}

// readFile reads a file that a key names.
func (r *reader) readFile(key, name string) (text []byte, ok bool) {
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		return text, true
	case errors.Is(err, fs.ErrNotExist):
		r.wrong(key, "write the whole path, or the path from the directory in which the lake is started", "there is no file %s", name)
	case errors.Is(err, fs.ErrPermission):
		r.wrong(key, "let the user that runs the lake read it", "%s may not be read", name)
	default:
		r.wrong(key, "name a file in PEM", "%v", err)
	}
	return nil, false
}
