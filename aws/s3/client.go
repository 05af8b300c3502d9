package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Client is what the Store needs of S3.
type Client interface {
	PutObject(context.Context, *sdk.PutObjectInput, ...func(*sdk.Options)) (*sdk.PutObjectOutput, error)
	CreateMultipartUpload(context.Context, *sdk.CreateMultipartUploadInput, ...func(*sdk.Options)) (*sdk.CreateMultipartUploadOutput, error)
	UploadPart(context.Context, *sdk.UploadPartInput, ...func(*sdk.Options)) (*sdk.UploadPartOutput, error)
	CompleteMultipartUpload(context.Context, *sdk.CompleteMultipartUploadInput, ...func(*sdk.Options)) (*sdk.CompleteMultipartUploadOutput, error)
	AbortMultipartUpload(context.Context, *sdk.AbortMultipartUploadInput, ...func(*sdk.Options)) (*sdk.AbortMultipartUploadOutput, error)
	HeadObject(context.Context, *sdk.HeadObjectInput, ...func(*sdk.Options)) (*sdk.HeadObjectOutput, error)
	GetObject(context.Context, *sdk.GetObjectInput, ...func(*sdk.Options)) (*sdk.GetObjectOutput, error)
	ListObjectsV2(context.Context, *sdk.ListObjectsV2Input, ...func(*sdk.Options)) (*sdk.ListObjectsV2Output, error)
	DeleteObject(context.Context, *sdk.DeleteObjectInput, ...func(*sdk.Options)) (*sdk.DeleteObjectOutput, error)
}

// NewClient returns the SDK's client as the Store wants it: without retries of
// its own, because the Store looks at the outcome before it tries again, and
// with the bucket in the path where an endpoint is set, because stand-ins for
// S3 have no name for each bucket.
func NewClient(cfg aws.Config) *sdk.Client {
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		o.Retryer = aws.NopRetryer{}
		o.UsePathStyle = o.BaseEndpoint != nil
		// Ranges have no checksum; every one of them would be a line in the log.
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}
