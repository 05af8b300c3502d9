package awsapi_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// answered wraps an error as the SDK does when a service answered with it.
func answered(service, operation string, status int, err error) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &awshttp.ResponseError{
		RequestID: "R1",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err,
		},
	}}
}

// unanswered wraps an error of the connection as the SDK does.
func unanswered(err error) error {
	return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "PutItem", Err: &smithyhttp.RequestSendError{Err: err}}
}

func generic(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

func text(s string) *string { return &s }

// refusedByPeer is a real error of dialing.
func refusedByPeer(t *testing.T) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", address)
	if err == nil {
		t.Fatal("somebody listens there", c.Close())
	}
	return err
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want error // nil: returned as it is
	}{
		{"throughput exceeded", answered("DynamoDB", "PutItem", 400, &types.ProvisionedThroughputExceededException{}), lake.ErrFull},
		{"throttling", answered("DynamoDB", "PutItem", 400, &types.ThrottlingException{}), lake.ErrFull},
		{"stream throughput", answered("Kinesis", "GetRecords", 400, &kinesistypes.ProvisionedThroughputExceededException{}), lake.ErrFull},
		{"limit", answered("Kinesis", "ListShards", 400, &kinesistypes.LimitExceededException{}), lake.ErrFull},
		{"slow down", answered("S3", "PutObject", 503, generic("SlowDown", "Please reduce your request rate.")), lake.ErrFull},
		{"status 503 without a code", answered("S3", "HeadObject", 503, generic("UnknownError", "")), lake.ErrFull},
		{"status 429", answered("Glue", "GetTable", 429, errors.New("what")), lake.ErrFull},
		{"a transaction in the way", answered("DynamoDB", "PutItem", 400, &types.TransactionConflictException{}), lake.ErrFull},
		{"two writers of an object", answered("S3", "PutObject", 409, generic("ConditionalRequestConflict", "")), lake.ErrFull},

		{"condition", answered("DynamoDB", "PutItem", 400, &types.ConditionalCheckFailedException{}), lake.ErrStale},
		{"precondition", answered("S3", "PutObject", 412, generic("PreconditionFailed", "")), lake.ErrStale},
		{"status 412", answered("S3", "PutObject", 412, generic("UnknownError", "")), lake.ErrStale},
		{"catalog moved on", answered("Glue", "UpdateTable", 400, &gluetypes.ConcurrentModificationException{}), lake.ErrStale},
		{"catalog version", answered("Glue", "UpdateTable", 400, &gluetypes.VersionMismatchException{}), lake.ErrStale},
		{"condition in a transaction", answered("DynamoDB", "TransactWriteItems", 400, &types.TransactionCanceledException{
			Message: text("Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]"),
		}), lake.ErrStale},
		{"conflict in a transaction", answered("DynamoDB", "TransactWriteItems", 400, &types.TransactionCanceledException{
			Message: text("Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict, None]"),
		}), lake.ErrFull},
		{"a bad item in a transaction", answered("DynamoDB", "TransactWriteItems", 400, &types.TransactionCanceledException{
			Message: text("Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError]"),
		}), lake.ErrInvalid},

		{"no table", answered("DynamoDB", "PutItem", 400, &types.ResourceNotFoundException{}), lake.ErrNotFound},
		{"no stream", answered("Kinesis", "PutRecords", 400, &kinesistypes.ResourceNotFoundException{}), lake.ErrNotFound},
		{"no key", answered("S3", "GetObject", 404, &s3types.NoSuchKey{}), lake.ErrNotFound},
		{"no bucket", answered("S3", "PutObject", 404, &s3types.NoSuchBucket{}), lake.ErrNotFound},
		{"no head", answered("S3", "HeadObject", 404, &s3types.NotFound{}), lake.ErrNotFound},
		{"no catalog table", answered("Glue", "GetTable", 400, &gluetypes.EntityNotFoundException{}), lake.ErrNotFound},
		{"catalog table exists", answered("Glue", "CreateTable", 400, &gluetypes.AlreadyExistsException{}), lake.ErrExists},
		{"table exists", answered("DynamoDB", "CreateTable", 400, &types.ResourceInUseException{}), lake.ErrExists},

		{"validation", answered("DynamoDB", "PutItem", 400, generic("ValidationException", "One or more parameter values were invalid")), lake.ErrInvalid},
		{"not serializable", &smithy.OperationError{Err: &smithy.SerializationError{Err: errors.New("no")}}, lake.ErrInvalid},

		{"denied", answered("DynamoDB", "PutItem", 400, generic("AccessDeniedException", "")), awsapi.ErrDenied},
		{"denied by S3", answered("S3", "PutObject", 403, generic("AccessDenied", "Access Denied")), awsapi.ErrDenied},
		{"status 403", answered("S3", "HeadObject", 403, generic("UnknownError", "")), awsapi.ErrDenied},
		{"expired", answered("Kinesis", "PutRecords", 400, generic("ExpiredTokenException", "")), awsapi.ErrDenied},
		{"key disabled", answered("Kinesis", "PutRecords", 400, &kinesistypes.KMSDisabledException{}), awsapi.ErrDenied},

		{"internal error", answered("DynamoDB", "PutItem", 500, &types.InternalServerError{}), awsapi.ErrUnknown},
		{"bad gateway", answered("S3", "PutObject", 502, errors.New("what")), awsapi.ErrUnknown},
		{"the answer broke off", answered("S3", "PutObject", 200, &smithy.DeserializationError{Err: errors.New("unexpected EOF")}), awsapi.ErrUnknown},
		{"connection lost", unanswered(&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}), awsapi.ErrUnknown},
		{"time-out of the client", unanswered(&net.OpError{Op: "read", Err: context.DeadlineExceeded}), awsapi.ErrUnknown},
		{"context ended", &smithy.OperationError{Err: &smithy.CanceledError{Err: context.Canceled}}, awsapi.ErrUnknown},
		{"bare deadline", context.DeadlineExceeded, awsapi.ErrUnknown},

		{"connection refused", unanswered(refusedByPeer(t)), awsapi.ErrUnreachable},
		{"no such host", unanswered(&net.DNSError{Err: "no such host", Name: "nowhere"}), awsapi.ErrUnreachable},

		{"another error of a service", answered("Kinesis", "GetRecords", 400, &kinesistypes.ExpiredIteratorException{}), nil},
		{"another error", errors.New("what"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := awsapi.Classify(c.err)
			if c.want == nil {
				if got != c.err { //nolint:errorlint // the very same value is meant
					t.Fatalf("got %v", got)
				}
				return
			}
			for _, kind := range []error{
				lake.ErrFull, lake.ErrStale, lake.ErrNotFound, lake.ErrExists, lake.ErrInvalid,
				awsapi.ErrDenied, awsapi.ErrUnknown, awsapi.ErrUnreachable,
			} {
				if is, want := errors.Is(got, kind), errors.Is(c.want, kind); is != want {
					t.Errorf("is %q: %t, want %t: %v", kind, is, want, got)
				}
			}
			if !errors.Is(got, c.err) {
				t.Errorf("the SDK's error is lost in %v", got)
			}
			if again := awsapi.Classify(fmt.Errorf("put: %w", got)); !strings.HasPrefix(again.Error(), "put: "+got.Error()) {
				t.Errorf("classified twice: %v", again)
			}
		})
	}
	if awsapi.Classify(nil) != nil {
		t.Fatal("no error became one")
	}
}

// TestPassing: what may be tried again is exactly what may pass.
func TestPassing(t *testing.T) {
	for err, want := range map[error]bool{
		lake.ErrFull: true, awsapi.ErrUnknown: true, awsapi.ErrUnreachable: true,
		lake.ErrStale: false, lake.ErrNotFound: false, awsapi.ErrDenied: false, lake.ErrInvalid: false,
	} {
		if got := awsapi.Passing(fmt.Errorf("call: %w", err)); got != want {
			t.Errorf("passing %v: %t", err, got)
		}
	}
}

func TestMessagesNameActionAndResource(t *testing.T) {
	const sentence = "User: arn:aws:sts::111122223333:assumed-role/ingest/x is not authorized to perform: dynamodb:PutItem " +
		"on resource: arn:aws:dynamodb:eu-west-1:111122223333:table/claims because no identity-based policy allows the dynamodb:PutItem action"
	for _, c := range []struct {
		name     string
		err      error
		resource string
		want     string
		hint     string
	}{
		{
			"IAM says both", answered("DynamoDB", "PutItem", 400, generic("AccessDeniedException", sentence)), "table claims",
			"no permission for dynamodb:PutItem: dynamodb PutItem on arn:aws:dynamodb:eu-west-1:111122223333:table/claims: denied: AccessDeniedException: " + sentence + " (request R1)",
			"allow dynamodb:PutItem on arn:aws:dynamodb:eu-west-1:111122223333:table/claims in the policy of the role that this runs as",
		},
		{
			"S3 says nothing", answered("S3", "UploadPart", 403, generic("AccessDenied", "Access Denied")), "s3://lake/raw/x",
			"no permission for s3:PutObject: s3 UploadPart on s3://lake/raw/x: denied: AccessDenied: Access Denied (request R1)",
			"allow s3:PutObject on s3://lake/raw/x in the policy of the role that this runs as",
		},
		{
			"a clock is wrong", answered("S3", "GetObject", 403, generic("RequestTimeTooSkewed", "")), "",
			"no permission for s3:GetObject: s3 GetObject: denied: RequestTimeTooSkewed (request R1)",
			"check the machine's clock and the secret key",
		},
		{
			"a missing bucket", answered("S3", "PutObject", 404, &s3types.NoSuchBucket{}), "bucket lake",
			"s3 PutObject on bucket lake: not found: NoSuchBucket (request R1)", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := awsapi.ClassifyOn(c.err, c.resource)
			if err.Error() != c.want {
				t.Errorf("message\n%s\nwant\n%s", err, c.want)
			}
			if hint := lake.Hint(err); hint != c.hint {
				t.Errorf("hint %q, want %q", hint, c.hint)
			}
		})
	}
}
