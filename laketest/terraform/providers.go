package terraform

import (
	"fmt"
	"strings"
)

// services are those that the configuration asks for.
func services() []string {
	return []string{"apigatewayv2", "athena", "ce", "cloudwatch", "dynamodb", "ec2", "ecs", "events", "firehose", "glue", "iam", "kinesis", "kms",
		"lambda", "logs", "s3", "s3control", "sns", "sqs", "sts"}
}

// providers leads every call of the AWS provider to one endpoint.
func providers(url string) string {
	var b strings.Builder
	b.WriteString(`provider "aws" {
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  s3_use_path_style           = true
  max_retries                 = 2
  endpoints {
`)
	for _, s := range services() {
		fmt.Fprintf(&b, "    %s = %q\n", s, url)
	}
	b.WriteString("  }\n}\n")
	return b.String()
}

// backend leads the S3 backend to one endpoint.
func backend(url, bucket string) string {
	return fmt.Sprintf(`bucket                      = %q
region                      = "us-east-1"
access_key                  = "test"
secret_key                  = "test"
endpoints                   = { s3 = %[2]q, sts = %[2]q, iam = %[2]q }
use_path_style              = true
skip_credentials_validation = true
skip_metadata_api_check     = true
skip_requesting_account_id  = true
`, bucket, url)
}
