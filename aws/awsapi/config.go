package awsapi

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventlake/lake"
)

// Options say which AWS is talked to. The zero value takes everything from the
// environment and the shared configuration files, as the aws command does.
type Options struct {
	Region  string // default: AWS_REGION or the profile's
	Profile string // default: AWS_PROFILE
	// Endpoint is the URL of something that stands in for all services of AWS.
	// Default: AWS_ENDPOINT_URL; AWS_ENDPOINT_URL_KINESIS and the like name one
	// for a single service and count more than AWS_ENDPOINT_URL.
	Endpoint string
	// AccessKey and SecretKey are fixed credentials, for stand-ins. Default:
	// the SDK's chain of environment, files, roles.
	AccessKey, SecretKey string
}

// Config loads the SDK's configuration. ErrInvalid with a hint when no region
// is known. Credentials are looked for at the first request.
func Config(ctx context.Context, o Options) (aws.Config, error) {
	var with []func(*config.LoadOptions) error
	if o.Region != "" {
		with = append(with, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		with = append(with, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Endpoint != "" {
		with = append(with, config.WithBaseEndpoint(o.Endpoint))
	}
	if o.AccessKey != "" {
		with = append(with, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, with...)
	if err != nil {
		return aws.Config{}, lake.Errorf(fmt.Errorf("%w: %w", lake.ErrInvalid, err),
			"check ~/.aws/config and the AWS_ variables of the environment", "load the AWS configuration")
	}
	if cfg.Region == "" {
		return aws.Config{}, lake.Errorf(lake.ErrInvalid, "set AWS_REGION, or a region in the AWS profile", "no AWS region")
	}
	return cfg, nil
}
