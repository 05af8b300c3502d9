package awsfake

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// Firehose is a delivery stream in memory that keeps the records it takes. It
// refuses what the service's limits refuse. Delivery is not part of it.
type Firehose struct {
	// Fault may be set before the first call.
	Fault Fault
	// Refuse may fail single records of a call: it is asked with the record's
	// index in the call. It may be set before the first call, and is called
	// under a lock.
	Refuse func(index int, data []byte) bool

	mu      sync.Mutex
	records [][]byte
	calls   int
}

// Records are the records taken so far.
func (f *Firehose) Records() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records[:len(f.records):len(f.records)]
}

// Calls is the number of calls so far.
func (f *Firehose) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// PutRecordBatch takes records.
func (f *Firehose) PutRecordBatch(ctx context.Context, in *firehose.PutRecordBatchInput, _ ...func(*firehose.Options)) (*firehose.PutRecordBatchOutput, error) {
	out := &firehose.PutRecordBatchOutput{FailedPutCount: aws.Int32(0)}
	err := around(ctx, "Firehose", "PutRecordBatch", f.Fault, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls++
		if err := checkBatch(in.Records); err != nil {
			return err
		}
		for i, r := range in.Records {
			if f.Refuse != nil && f.Refuse(i, r.Data) {
				*out.FailedPutCount++
				out.RequestResponses = append(out.RequestResponses, types.PutRecordBatchResponseEntry{
					ErrorCode: aws.String("ServiceUnavailableException"), ErrorMessage: aws.String("Slow down."),
				})
				continue
			}
			f.records = append(f.records, append([]byte(nil), r.Data...))
			out.RequestResponses = append(out.RequestResponses, types.PutRecordBatchResponseEntry{RecordId: aws.String(fmt.Sprint(len(f.records)))})
		}
		return nil
	})
	return out, err
}

// checkBatch holds a call to the documented limits, read strictly: a record has
// at most 1,000 kB, a call 500 records and 4 MB of base64.
func checkBatch(records []types.Record) error {
	size := 0
	for _, r := range records {
		if len(r.Data) == 0 || len(r.Data) > 1_000_000 {
			return Says("InvalidArgumentException", fmt.Sprintf("a record has %d bytes", len(r.Data)))
		}
		size += base64.StdEncoding.EncodedLen(len(r.Data))
	}
	if len(records) == 0 || len(records) > 500 || size > 4_000_000 {
		return Says("InvalidArgumentException", fmt.Sprintf("%d records of %d bytes", len(records), size))
	}
	return nil
}
