package cloud

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// Answering is a Lambda's handler whose errors say to the caller what the log
// says: the kind of error, what happened and what to do next.
type Answering struct{ lambda.Handler }

// Invoke calls the handler.
func (a Answering) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	out, err := a.Handler.Invoke(ctx, payload)
	if err != nil {
		return out, answer(err)
	}
	return out, nil
}

// answer is the error as Lambda sends it.
func answer(err error) error {
	return messages.InvokeResponse_Error{Message: withHint(err), Type: kindOf(err)}
}

// withHint is the error's text with its hint.
func withHint(err error) string {
	if hint := lake.Hint(err); hint != "" {
		return err.Error() + "; hint: " + hint
	}
	return err.Error()
}

// kindOf is the errorType of an answer. "Failed" is none of those that callers
// tell apart.
func kindOf(err error) string {
	for _, k := range [...]struct {
		kind error
		name string
	}{
		{awsapi.ErrDenied, "Denied"},
		{awsapi.ErrUnreachable, "Unreachable"},
		{lake.ErrInvalid, "Invalid"},
		{lake.ErrCorrupt, "Corrupt"},
		{lake.ErrTrimmed, "Trimmed"},
		{lake.ErrNotFound, "NotFound"},
		{lake.ErrExists, "Exists"},
		{lake.ErrLimit, "Limit"},
		{lake.ErrStale, "Stale"},
		{lake.ErrFull, "Throttled"},
		{context.DeadlineExceeded, "Timeout"},
		{awsapi.ErrUnknown, "Unanswered"},
	} {
		if errors.Is(err, k.kind) {
			return k.name
		}
	}
	return "Failed"
}
