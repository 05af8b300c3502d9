package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"

	"github.com/eventlake/lake"
)

// hopeless makes lake.ErrInvalid, with what to do, of an error of the connection
// that no repeat can mend; nil when a repeat may. connected tells that requests
// have succeeded before: a name that was found once may be found again.
func hopeless(err error, connected bool) error {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		name      *net.DNSError
	)
	hint := ""
	switch {
	case errors.As(err, &authority):
		hint = "name the file that holds the certificate of its authority, or its own, in PEM: --ca FILE, or LAKE_CA"
	case errors.As(err, &hostname):
		hint = "use a name in the URL that the certificate is for"
	case errors.As(err, &invalid), errors.As(err, &verify):
		hint = "the certificate there has to be replaced; has it expired, or is a clock wrong?"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		hint = "there is no TLS at this address: write http://, or find the port for https://"
	case errors.As(err, &alert):
		hint = "what answers there does not take this connection; does it ask for a certificate of the client?"
	case errors.As(err, &name) && name.IsNotFound && !connected:
		hint = "check the name in the URL"
	default:
		return nil
	}
	return lake.Errorf(lake.ErrInvalid, hint, "%v", err)
}
