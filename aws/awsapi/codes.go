package awsapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/eventlake/lake"
)

// kindOfCode says what an error code of a service means; nil when the code is
// not listed. The same code means the same in all services that are used here.
func kindOfCode(code, message string) error {
	switch code {
	case "ProvisionedThroughputExceededException", "ProvisionedThroughputExceeded",
		"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
		"TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "BandwidthLimitExceeded",
		"SlowDown", "ServiceUnavailable", "ServiceUnavailableException", "ResourceNumberLimitExceededException",
		"KMSThrottlingException", "KmsThrottled", "OverLimit", "PriorRequestNotComplete", "ConcurrentRunsExceededException",
		// Something else is at work on the same item, object or resource right
		// now. Nothing was stored and nothing was decided.
		"TransactionConflictException", "TransactionInProgressException", "ReplicatedWriteConflictException",
		"ConditionalRequestConflict", "OperationAborted":
		return lake.ErrFull
	case "ConditionalCheckFailedException", "PreconditionFailed", "ConcurrentModificationException",
		"VersionMismatchException", "ConditionCheckFailureException":
		return lake.ErrStale
	case "TransactionCanceledException":
		// The message lists one reason for each item of the transaction.
		switch {
		case strings.Contains(message, "ConditionalCheckFailed"):
			return lake.ErrStale
		case strings.Contains(message, "ValidationError"), strings.Contains(message, "ItemCollectionSizeLimitExceeded"):
			return lake.ErrInvalid
		}
		return lake.ErrFull
	case "ResourceNotFoundException", "TableNotFoundException", "EntityNotFoundException", "NoSuchKey", "NoSuchBucket",
		"NoSuchUpload", "NotFound", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue":
		return lake.ErrNotFound
	case "AlreadyExistsException", "BucketAlreadyOwnedByYou", "BucketAlreadyExists", "TableAlreadyExistsException",
		"ResourceInUseException": // what creating a table or a stream says
		return lake.ErrExists
	case "ValidationException", "ValidationError", "InvalidArgument", "InvalidArgumentException", "InvalidInputException",
		"InvalidParameterValueException", "InvalidRequest", "SerializationException", "IdempotentParameterMismatchException",
		"ItemCollectionSizeLimitExceededException", "EntityTooLarge", "MalformedXML", "InvalidBucketName":
		return lake.ErrInvalid
	case "InternalServerError", "InternalServerException", "InternalServiceException", "InternalFailure",
		"InternalFailureException", "InternalError", "OperationTimeoutException", "RequestTimeout", "RequestTimeoutException":
		return ErrUnknown
	}
	if _, denied := deniedHint(code); denied {
		return ErrDenied
	}
	return nil
}

// kindOfStatus is for answers whose code says nothing: proxies, load balancers
// and requests for headers only.
func kindOfStatus(status int) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrDenied
	case http.StatusNotFound:
		return lake.ErrNotFound
	case http.StatusPreconditionFailed:
		return lake.ErrStale
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return lake.ErrFull
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return ErrUnknown
	}
	return nil
}

// deniedHint tells whether a code means that the caller is refused, and what
// to do about it. An empty hint means that a permission is missing.
func deniedHint(code string) (hint string, denied bool) {
	switch code {
	case "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AuthorizationError", "UnauthorizedOperation",
		"NotAuthorized", "NotAuthorizedException", "Forbidden":
		return "", true
	case "KMSAccessDeniedException", "KmsAccessDenied":
		return "allow the role to use the KMS key, in the role's policy and in the key's", true
	case "KMSDisabledException", "KmsDisabled", "KMSInvalidStateException", "KmsInvalidState",
		"KMSNotFoundException", "KmsNotFound", "KMSOptInRequired", "KmsOptInRequired", "KmsInvalidKeyUsage":
		return "check that the KMS key exists, is enabled and lies in this region", true
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return "the credentials have expired: sign in again", true
	case "RequestExpired", "RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch":
		return "check the machine's clock and the secret key", true
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "IncompleteSignature", "InvalidToken":
		return "check the access key and the region: aws sts get-caller-identity", true
	}
	return "", false
}

// Passing reports whether a classified error may go away by itself, so that
// the same call can be tried again. After ErrUnknown the call may have had its
// effect already.
func Passing(err error) bool {
	return errors.Is(err, lake.ErrFull) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrUnreachable)
}
