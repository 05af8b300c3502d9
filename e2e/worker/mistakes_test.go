package worker

import (
	"strings"
	"testing"
)

// mistakes are what people do before a worker runs: each has a text that names
// the part, a hint, and an exit code.
func mistakes(t *testing.T, r *rig) {
	for _, test := range []struct {
		name string
		env  map[string]string
		exit int
		says []string
	}{
		{"no region", map[string]string{"AWS_REGION": ""}, 2, []string{"no AWS region", "hint: set AWS_REGION"}},
		{"nothing is named", map[string]string{"LAKE_AWS_STREAM": "", "LAKE_AWS_BUCKET": "", "LAKE_AWS_LEDGER": "", "LAKE_AWS_LEASES": ""}, 2,
			[]string{"aws.stream, aws.bucket, aws.ledger, aws.leases", "hint: set LAKE_AWS_STREAM, LAKE_AWS_BUCKET, LAKE_AWS_LEDGER, LAKE_AWS_LEASES"}},
		{"a variable is misspelt", map[string]string{"LAKE_AWS_STREAM": "", "LAKE_AWS_STREEM": "x"}, 2,
			[]string{"did you mean LAKE_AWS_STREAM?", "no value for aws.stream"}},
		{"no credentials", map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 1,
			[]string{"no credentials for kinesis:ListShards", "hint: set credentials"}},
		{"no stream", map[string]string{"LAKE_AWS_STREAM": "nowhere"}, 1, []string{"aws.stream", "stream nowhere", "not found", "hint: check aws.stream and the region, which is us-east-1"}},
		{"no leases", map[string]string{"LAKE_AWS_LEASES": "nowhere"}, 1, []string{"aws.leases", "table nowhere", "not found", "hint: check aws.leases"}},
		{"no ledger", map[string]string{"LAKE_AWS_LEDGER": "nowhere"}, 1, []string{"the ledger's table", "table nowhere", "not found", "hint: check aws.ledger"}},
		{"no claims", map[string]string{"LAKE_AWS_CLAIMS": "nowhere"}, 1, []string{"the claims' table", "table nowhere", "not found", "hint: check aws.ledger and aws.claims"}},
		{"tables are mixed up", map[string]string{"LAKE_AWS_LEASES": r.names.Ledger}, 2, []string{"aws.leases", "table " + r.names.Ledger, "hint: check aws.leases"}},
		{"no bucket", map[string]string{"LAKE_AWS_BUCKET": "nowhere"}, 1, []string{"aws.bucket", "s3://nowhere", "no such bucket", "hint: check the bucket's name"}},
		{"no configuration in S3", map[string]string{"LAKE_CONFIG": "s3://" + r.names.Bucket + "/nothing.yaml"}, 1,
			[]string{"the configuration", "s3://" + r.names.Bucket + "/nothing.yaml", "not found", "hint: put the file there"}},
		{"no such place", map[string]string{"LAKE_CONFIG": "s3://" + r.names.Bucket}, 2, []string{"hint: write s3://bucket/key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, "the worker", r.env(test.env))
			arrived(t, "the end of the worker", p.done)
			if code := p.cmd.ProcessState.ExitCode(); code != test.exit {
				t.Errorf("exit code %d, want %d", code, test.exit)
			}
			for _, text := range test.says {
				if !strings.Contains(p.log.text(), text) {
					t.Errorf("it does not say %q:\n%s", text, p.log.text())
				}
			}
		})
	}
}
