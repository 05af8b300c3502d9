package firehose

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
)

// S3API is what a stream calls of S3.
type S3API interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Config describes a delivery stream with an extended S3 destination.
type Config struct {
	Name          string
	Bucket        string
	Prefix        string // may hold expressions
	ErrorPrefix   string // needed with JQ
	FileExtension string // ".gz" or nothing when empty
	Gzip          bool

	JQ            string // MetadataExtractionQuery, an object of partition keys; empty is no partitioning
	SubRecordType string // JSON or DELIMITED takes records apart; empty does not
	Delimiter     string // for DELIMITED
	Append        string // AppendDelimiterToRecord, often a newline

	BufferBytes      int           // SizeInMBs; 5 MiB when 0
	BufferInterval   time.Duration // IntervalInSeconds; 300 s when 0
	ActivePartitions int           // the quota; 500 when 0

	Now    func() time.Time // the clock of buffers and timestamps; time.Now when nil
	Faults Faults
	Log    *slog.Logger // nil is silent
}

// What a call may hold, for every account.
const (
	MaxRecords    = 500       // in a call
	MaxCall       = 4 << 20   // bytes of a call
	MaxRecord     = 1_024_000 // bytes of a record before base64
	MaxSubRecords = 500       // in a record that is taken apart
	MaxDepth      = 256       // of JSON for jq
)

// defaults fills in what was left out and checks the rest.
func (c *Config) defaults() error {
	c.BufferBytes = cmp.Or(c.BufferBytes, 5<<20)
	c.BufferInterval = cmp.Or(c.BufferInterval, 300*time.Second)
	c.ActivePartitions = cmp.Or(c.ActivePartitions, 500)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.FileExtension == "" && c.Gzip {
		c.FileExtension = ".gz"
	}
	switch {
	case c.Name == "" || c.Bucket == "":
		return lake.Errorf(lake.ErrInvalid, "name both", "delivery stream %q to bucket %q", c.Name, c.Bucket)
	case c.JQ != "" && c.ErrorPrefix == "":
		return lake.Errorf(lake.ErrInvalid, "AWS wants an error prefix with dynamic partitioning", "delivery stream %s without an error prefix", c.Name)
	case c.SubRecordType != "" && c.SubRecordType != "JSON" && c.SubRecordType != "DELIMITED":
		return lake.Errorf(lake.ErrInvalid, "use JSON or DELIMITED", "delivery stream %s with sub-records %s", c.Name, c.SubRecordType)
	case c.SubRecordType == "DELIMITED" && c.Delimiter == "":
		return lake.Errorf(lake.ErrInvalid, "name the delimiter", "delivery stream %s without a delimiter", c.Name)
	case c.BufferInterval < 0 || c.BufferInterval > 900*time.Second:
		return lake.Errorf(lake.ErrInvalid, "use 0 to 900 s", "delivery stream %s with a buffer of %v", c.Name, c.BufferInterval)
	}
	return nil
}
