package cloud

import (
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake/aws/kinesis"
)

// Probe is the stream for looking at single records: a call fetches one. Made
// for itself, as it would read everything slowly.
func (c *Cloud) Probe() (*kinesis.Stream, error) {
	name, err := need("aws.stream", c.Config.AWS.Stream)
	if err != nil {
		return nil, err
	}
	return kinesis.New(sdk.NewFromConfig(c.AWS), kinesis.Options{Stream: name, Unpack: Unpacking(), FetchRecords: 1, Log: c.Log})
}
