package awslocal

import (
	"context"
	_ "embed" // the script
	"os"
	"os/exec"
)

//go:embed testdata/moto.py
var motoScript string

// StartMoto starts a moto server with no state on a free port of 127.0.0.1. It
// stands for DynamoDB, S3 (with notifications to SQS), SQS, Glue, IAM, STS,
// CloudWatch and what Terraform creates, and is not used for Kinesis (its sequence numbers are 1, 2, 3),
// Firehose (it writes at once, without partitions) and Lambda (it runs nothing).
// TTLs never delete an item, VersionId of Glue's UpdateTable is ignored (see
// StartGlue), crawlers and jobs do nothing. It takes about two seconds to start
// and gets slower with the number of requests it has seen.
//
// env are further variables, such as MOTO_IAM_LOAD_MANAGED_POLICIES=true, which
// Terraform needs. ErrNotInstalled when moto is missing.
func StartMoto(ctx context.Context, tools Tools, env ...string) (*Endpoint, error) {
	if err := need("moto", tools.Python); err != nil {
		return nil, err
	}
	cmd := exec.Command(tools.Python, "-c", motoScript, "0")
	cmd.Env = append(append(os.Environ(), "TZ=UTC"), env...) // it writes local times into notifications
	p, url, err := spawn(ctx, "moto", cmd)
	if err != nil {
		return nil, err
	}
	return &Endpoint{URL: url, end: p.stop, said: p.out.String}, nil
}
