// Package awsfake has AWS services in memory, for tests that need more speed or
// more bad luck than an emulator has: every call can be made to fail, before or
// after its effect. What it keeps of a service is what the adapters rely on;
// the adapters' contract suites run over it and over the emulators alike.
package awsfake

import (
	"context"
	"net"
	"os"

	"github.com/aws/smithy-go"
)

// When says at which side of a call's effect a Fault strikes.
type When int

// Before its effect the service has done nothing; after it the answer is lost.
const (
	Before When = iota
	After
)

// Fault decides whether a call fails: with the error that it returns, or not
// when that is nil. It is asked twice for every call. It may be called from
// several goroutines.
type Fault func(operation string, when When) error

// around makes a call of a service with the faults around its effect. What it
// returns looks like an error of the SDK.
func around(ctx context.Context, service, operation string, fault Fault, do func() error) error {
	wrap := func(err error) error {
		return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return wrap(&smithy.CanceledError{Err: err})
	}
	if fault != nil {
		if err := fault(operation, Before); err != nil {
			return wrap(err)
		}
	}
	if err := do(); err != nil {
		return wrap(err)
	}
	if fault != nil {
		if err := fault(operation, After); err != nil {
			return wrap(err)
		}
	}
	return nil
}

// Says is what a service answers instead of a result.
func Says(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

// Lost is the error of a connection that ended before the answer.
func Lost() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
}
