package awslocal

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Region is the region that every emulator is asked for.
const Region = "us-east-1"

// Endpoint is one running emulator.
type Endpoint struct {
	URL string // e.g. http://127.0.0.1:43211, without a slash at the end

	end  func() error
	said func() string // nil when it runs in this process
}

// Config returns the configuration of an SDK client that talks to this
// emulator, with credentials that are worth nothing anywhere else.
func (e *Endpoint) Config() aws.Config {
	return aws.Config{
		Region:       Region,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		BaseEndpoint: aws.String(e.URL),
	}
}

// S3 returns an S3 client with bucket names in the path: names of buckets are
// no host names on 127.0.0.1.
func (e *Endpoint) S3() *s3.Client {
	return s3.NewFromConfig(e.Config(), func(o *s3.Options) { o.UsePathStyle = true })
}

// Said returns the last that the emulator wrote, "" when it runs in this process.
func (e *Endpoint) Said() string {
	if e.said == nil {
		return ""
	}
	return e.said()
}

// Stop ends the emulator and waits until it is gone. A second call does nothing.
func (e *Endpoint) Stop() error { return e.end() }
