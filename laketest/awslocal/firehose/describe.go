package firehose

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/eventlake/lake"
)

// describe is the answer to DescribeDeliveryStream.
func (s *Stream) describe() any {
	compression := "UNCOMPRESSED"
	if s.cfg.Gzip {
		compression = "GZIP"
	}
	type object = map[string]any
	return object{"DeliveryStreamDescription": object{
		"DeliveryStreamName":   s.cfg.Name,
		"DeliveryStreamARN":    "arn:aws:firehose:us-east-1:123456789012:deliverystream/" + s.cfg.Name,
		"DeliveryStreamStatus": "ACTIVE",
		"DeliveryStreamType":   "DirectPut",
		"VersionId":            "1",
		"HasMoreDestinations":  false,
		"Destinations": []object{{
			"DestinationId": "destinationId-000000000001",
			"ExtendedS3DestinationDescription": object{
				"RoleARN":                 "arn:aws:iam::123456789012:role/delivery",
				"BucketARN":               "arn:aws:s3:::" + s.cfg.Bucket,
				"Prefix":                  s.cfg.Prefix,
				"ErrorOutputPrefix":       s.cfg.ErrorPrefix,
				"CompressionFormat":       compression,
				"BufferingHints":          object{"SizeInMBs": max(1, s.cfg.BufferBytes>>20), "IntervalInSeconds": int(s.cfg.BufferInterval.Seconds())},
				"EncryptionConfiguration": object{"NoEncryptionConfig": "NoEncryption"},
			},
		}},
	}}
}

// FromDescription reads the configuration of a delivery stream with an extended
// S3 destination from what DescribeDeliveryStream says of it: a stream that
// Terraform has made can be emulated as it is.
func FromDescription(d types.DeliveryStreamDescription) (Config, error) {
	cfg := Config{Name: aws.ToString(d.DeliveryStreamName)}
	if len(d.Destinations) != 1 || d.Destinations[0].ExtendedS3DestinationDescription == nil {
		return cfg, lake.Errorf(lake.ErrInvalid, "it needs one extended S3 destination", "delivery stream %s", cfg.Name)
	}
	to := d.Destinations[0].ExtendedS3DestinationDescription
	cfg.Bucket = strings.TrimPrefix(aws.ToString(to.BucketARN), "arn:aws:s3:::")
	cfg.Prefix, cfg.ErrorPrefix = aws.ToString(to.Prefix), aws.ToString(to.ErrorOutputPrefix)
	cfg.FileExtension = aws.ToString(to.FileExtension)
	cfg.Gzip = to.CompressionFormat == types.CompressionFormatGzip
	if h := to.BufferingHints; h != nil {
		cfg.BufferBytes = int(aws.ToInt32(h.SizeInMBs)) << 20
		cfg.BufferInterval = time.Duration(aws.ToInt32(h.IntervalInSeconds)) * time.Second
	}
	if to.ProcessingConfiguration == nil || !aws.ToBool(to.ProcessingConfiguration.Enabled) {
		return cfg, nil
	}
	for _, p := range to.ProcessingConfiguration.Processors {
		if err := cfg.process(p); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// process takes one processor's parameters over.
func (c *Config) process(p types.Processor) error {
	for _, param := range p.Parameters {
		v := aws.ToString(param.ParameterValue)
		switch {
		case p.Type == types.ProcessorTypeMetadataExtraction && param.ParameterName == types.ProcessorParameterNameMetadataExtractionQuery:
			c.JQ = v
		case p.Type == types.ProcessorTypeMetadataExtraction && param.ParameterName == types.ProcessorParameterNameJsonParsingEngine && v == "JQ-1.6":
		case p.Type == types.ProcessorTypeRecordDeAggregation && param.ParameterName == types.ProcessorParameterNameSubRecordType:
			c.SubRecordType = v
		case p.Type == types.ProcessorTypeRecordDeAggregation && param.ParameterName == types.ProcessorParameterNameDelimiter:
			b, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				return lake.Errorf(lake.ErrInvalid, "it must be base64", "delimiter %q of delivery stream %s", v, c.Name)
			}
			c.Delimiter = string(b)
		case p.Type == types.ProcessorTypeAppendDelimiterToRecord && param.ParameterName == types.ProcessorParameterNameDelimiter:
			c.Append = strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(v)
		default:
			return lake.Errorf(lake.ErrInvalid, "the emulator knows de-aggregation, metadata extraction and delimiters", "processor %s %s of delivery stream %s", p.Type, param.ParameterName, c.Name)
		}
	}
	if p.Type == types.ProcessorTypeAppendDelimiterToRecord && len(p.Parameters) == 0 {
		c.Append = "\n" // the default
	}
	return nil
}
