package awsapi

import (
	"context"
	"errors"
	"strings"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"

	"github.com/eventlake/lake"
)

// denied completes a refusal with the action and the resource, which not every
// service names, and says what to do.
func denied(e *Error, hint string) error {
	action := action(e.Service, e.Operation)
	var api smithy.APIError
	if errors.As(e.Err, &api) {
		a, resource := refused(api.ErrorMessage())
		if a != "" {
			action = a
		}
		if resource != "" {
			e.Resource = resource
		}
	}
	if hint == "" && action != "" {
		hint = "allow " + action
		if e.Resource != "" {
			hint += " on " + e.Resource
		}
		hint += " in the policy of the role that this runs as"
	}
	what := "no permission"
	if hint == credentialsHint {
		what = "no credentials"
	}
	if action != "" {
		what += " for " + action
	}
	return &lake.Hinted{Kind: e, What: what, Hint: hint}
}

// refused reads action and resource from the sentence that IAM answers with:
// "... is not authorized to perform: s3:PutObject on resource: arn:... because ...".
func refused(message string) (action, resource string) {
	word := func(after string) string {
		_, rest, ok := strings.Cut(message, after)
		if !ok {
			return ""
		}
		word, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		return strings.Trim(word, `"'.,`)
	}
	return word("authorized to perform: "), word("on resource: ")
}

// action names the permission that an operation needs. Some operations need
// one that is called otherwise.
func action(service, operation string) string {
	if operation == "" {
		return ""
	}
	prefix := strings.ToLower(service)
	switch service {
	case "CloudWatch Logs":
		prefix = "logs"
	case "S3":
		switch operation {
		case "HeadObject":
			operation = "GetObject"
		case "HeadBucket", "ListObjects", "ListObjectsV2":
			operation = "ListBucket"
		case "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "CopyObject":
			operation = "PutObject"
		case "DeleteObjects":
			operation = "DeleteObject"
		}
	case "Lambda":
		if operation == "Invoke" {
			operation = "InvokeFunction"
		}
	case "SQS":
		operation = strings.TrimSuffix(operation, "Batch")
	}
	return prefix + ":" + operation
}

const credentialsHint = "set credentials: aws configure, AWS_PROFILE, or a role on what runs this"

// noCredentials reports whether a request failed before it could be signed.
func noCredentials(err error) bool {
	var signing *v4.SigningError
	return !errors.Is(err, context.Canceled) &&
		(errors.As(err, &signing) || strings.Contains(err.Error(), "get credentials: "))
}
