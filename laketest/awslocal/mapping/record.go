package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// record is a stream's record as an invocation carries it.
type record struct {
	seq     string
	arrived time.Time // in the stream
	came    time.Time // here
	json    []byte
}

// newRecord encodes a record of a shard.
func newRecord(cfg *Kinesis, shard string, r types.Record) (record, error) {
	seq, arrived := aws.ToString(r.SequenceNumber), aws.ToTime(r.ApproximateArrivalTimestamp)
	b, err := json.Marshal(events.KinesisEventRecord{
		AwsRegion:         "us-east-1",
		EventID:           shard + ":" + seq,
		EventName:         "aws:kinesis:record",
		EventSource:       "aws:kinesis",
		EventSourceArn:    cfg.StreamARN(),
		EventVersion:      "1.0",
		InvokeIdentityArn: "arn:aws:iam::123456789012:role/mapping",
		Kinesis: events.KinesisRecord{
			ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: arrived},
			Data:                        r.Data,
			PartitionKey:                aws.ToString(r.PartitionKey),
			SequenceNumber:              seq,
			KinesisSchemaVersion:        "1.0",
		},
	})
	if err != nil {
		return record{}, fmt.Errorf("encode record %s of %s: %w", seq, shard, err)
	}
	return record{seq: seq, arrived: arrived, came: time.Now(), json: b}, nil
}

// lane returns which of n lanes the records of a partition key take.
func lane(key string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return int(h.Sum32() % uint32(n))
}

// envelope is what an event has besides its records.
const envelope = len(`{"Records":[]}`)

// event joins encoded records to the event of one invocation.
func event(records []record) []byte {
	size := envelope
	for _, r := range records {
		size += len(r.json) + 1
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	b.WriteString(`{"Records":[`)
	for i, r := range records {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(r.json)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// compareSeq orders sequence numbers, which are decimal numbers.
func compareSeq(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
