package awsapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/eventlake/lake"
)

// Error is an error of a service with its meaning. errors.Is finds the kind;
// errors.As finds the SDK's own error.
type Error struct {
	Kind      error  // an error of package lake or of this package
	Service   string // e.g. "DynamoDB"; may be empty
	Operation string // e.g. "PutItem"; may be empty
	Resource  string // what the call was about; may be empty
	Err       error  // what the SDK returned
}

// Error is "service operation on resource: kind: cause".
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Operation != "" && e.Resource != "":
		b.WriteString(strings.ToLower(e.Service) + " " + e.Operation + " on " + e.Resource + ": ")
	case e.Operation != "":
		b.WriteString(strings.ToLower(e.Service) + " " + e.Operation + ": ")
	case e.Resource != "":
		b.WriteString(e.Resource + ": ")
	}
	b.WriteString(e.Kind.Error())
	b.WriteString(": ")
	b.WriteString(cause(e.Err))
	return b.String()
}

// Unwrap returns the kind and the SDK's error.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// cause is what the service said, without the SDK's layers around it.
func cause(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		var op *smithy.OperationError
		if errors.As(err, &op) && op.Err != nil {
			return op.Err.Error()
		}
		return err.Error()
	}
	s := api.ErrorCode()
	if m := api.ErrorMessage(); m != "" {
		s += ": " + m
	}
	var request interface{ ServiceRequestID() string }
	if errors.As(err, &request) && request.ServiceRequestID() != "" {
		s += " (request " + request.ServiceRequestID() + ")"
	}
	return s
}

// Classify gives an error of the SDK its meaning: lake.ErrFull (throttled or in
// conflict with a call under way, nothing stored), lake.ErrStale (a condition
// did not hold), lake.ErrNotFound, lake.ErrExists, lake.ErrInvalid, ErrDenied,
// ErrUnknown or ErrUnreachable. An error that is none of these, or that was
// classified before, is returned as it is; nil stays nil.
func Classify(err error) error { return ClassifyOn(err, "") }

// ClassifyOn is Classify for a call on a named resource, such as "table claims"
// or "s3://bucket/key", which errors then name.
func ClassifyOn(err error, resource string) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	hint, kind := kindOf(err)
	if kind == nil {
		return err
	}
	e := &Error{Kind: kind, Resource: resource, Err: err}
	var op *smithy.OperationError
	if errors.As(err, &op) {
		e.Service, e.Operation = op.Service(), op.Operation()
	}
	switch {
	case errors.Is(kind, ErrDenied):
		return denied(e, hint)
	case errors.Is(kind, ErrUnreachable):
		return &lake.Hinted{Kind: e, What: "no connection",
			Hint: "check the region, the network and, where one is set, AWS_ENDPOINT_URL"}
	}
	return e
}

// kindOf finds the meaning of an error, and a hint where the error's own
// source gives one.
func kindOf(err error) (hint string, kind error) {
	var api smithy.APIError
	if errors.As(err, &api) {
		if kind = kindOfCode(api.ErrorCode(), api.ErrorMessage()); kind != nil {
			hint, _ = deniedHint(api.ErrorCode())
			return hint, kind
		}
	}
	// Before the status, which would be that of whoever was asked for credentials.
	if api == nil && noCredentials(err) {
		return credentialsHint, ErrDenied
	}
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		code := status.HTTPStatusCode()
		if kind = kindOfStatus(code); kind != nil {
			return "", kind
		}
		// Carried out, but the answer broke off. The SDK gives 0 for no answer.
		if code > 0 && code < http.StatusMultipleChoices {
			return "", ErrUnknown
		}
	}
	if api != nil {
		return "", nil
	}
	return "", kindOfTransport(err)
}

// kindOfTransport is for requests that have no answer.
func kindOfTransport(err error) error {
	var (
		canceled   interface{ CanceledError() bool }
		connection interface{ ConnectionError() bool }
		params     smithy.InvalidParamsError
		serialize  *smithy.SerializationError
		op         *net.OpError
		dns        *net.DNSError
		timeout    net.Error
	)
	switch {
	case errors.As(err, &params), errors.As(err, &serialize):
		return lake.ErrInvalid
	case errors.As(err, &op) && op.Op == "dial", errors.As(err, &dns):
		return ErrUnreachable
	case errors.As(err, &canceled), errors.As(err, &connection), errors.As(err, &op), errors.As(err, &timeout),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ErrUnknown
	}
	return nil
}
