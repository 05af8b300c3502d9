package awslocal

import "strings"

// Account is the account that every emulator believes to be in.
const Account = "123456789012"

// Names are what the parts of one lake are called: the names that
// deploy/terraform gives them.
type Names struct {
	Lake     string // what they begin with
	Stream   string
	Bucket   string
	Claims   string
	Ledger   string
	Leases   string
	Queue    string
	Firehose string
	Database string
}

// NamesOf returns the names of the lake called name-environment.
func NamesOf(name, environment string) Names {
	n := name + "-" + environment
	return Names{
		Lake: n, Stream: n, Bucket: n + "-" + Account + "-" + Region, Claims: n + "-claims", Ledger: n + "-ledger", Leases: n + "-leases",
		Queue: n + "-curate", Firehose: n, Database: strings.ReplaceAll(n, "-", "_"),
	}
}

// QueueARN is the ARN of the queue with S3's notifications.
func (n Names) QueueARN() string { return "arn:aws:sqs:" + Region + ":" + Account + ":" + n.Queue }
