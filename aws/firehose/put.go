package firehose

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// put sends the records of a batch, and those again that failed, until there
// is none or no time. It returns the records that are left, with an error.
func (s *Sink) put(ctx context.Context, b *batch) (left []int, err error) {
	records, left := b.records()
	tries := 0
	err = s.o.Retry.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
		defer cancel()
		s.counters.calls.Add(1)
		if tries++; tries > 1 {
			s.counters.repeated.Add(int64(len(records)))
		}
		out, err := s.client.PutRecordBatch(ctx, &sdk.PutRecordBatchInput{DeliveryStreamName: &s.o.Stream, Records: records})
		if err != nil {
			return awsapi.ClassifyOn(err, "delivery stream "+s.o.Stream)
		}
		records, left, err = s.failed(b, records, left, out.RequestResponses)
		return err
	})
	return left, err
}

// failed keeps the records that the answer says have failed, counts the others
// and returns an error while there are any.
func (s *Sink) failed(b *batch, records []types.Record, index []int, answers []types.PutRecordBatchResponseEntry) ([]types.Record, []int, error) {
	if len(answers) != len(records) {
		return records, index, fmt.Errorf("%w: delivery stream %s answered %d of %d records",
			awsapi.ErrUnknown, s.o.Stream, len(answers), len(records))
	}
	n := 0
	why := types.PutRecordBatchResponseEntry{}
	for i := range answers {
		if aws.ToString(answers[i].ErrorCode) == "" {
			s.counters.taken(len(records[i].Data), b.lines[index[i]])
			continue
		}
		records[n], index[n], why = records[i], index[i], answers[i]
		n++
	}
	if n == 0 {
		return nil, nil, nil
	}
	return records[:n], index[:n], fmt.Errorf("delivery stream %s did not take %d of %d records: %w: %s: %s",
		s.o.Stream, n, len(answers), lake.ErrFull, aws.ToString(why.ErrorCode), aws.ToString(why.ErrorMessage))
}
