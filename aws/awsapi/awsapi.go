// Package awsapi is what all adapters of AWS services share: one way to load
// the SDK's configuration, one meaning for the many errors of the services,
// and one way to try again.
package awsapi

import "errors"

// The classes of errors that AWS adds to those of package lake.
var (
	// ErrDenied: the caller may not do this, or nobody knows who the caller is.
	// Trying again cannot help. The message names the action and, where the
	// service or the adapter knows it, the resource.
	ErrDenied = errors.New("denied")
	// ErrUnknown: the request may have been carried out and may not: its answer
	// was lost. Only a call that may be repeated can be tried again.
	ErrUnknown = errors.New("outcome unknown")
	// ErrUnreachable: no connection to the service; nothing was sent.
	ErrUnreachable = errors.New("unreachable")
)
